"""Turns any async function into a provider, behind the same layers as the others."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ranvier import validation
from ranvier.caller import Caller
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import ConnectionFailedError
from ranvier.messages.characters import whole_characters
from ranvier.messages.collector import Collector
from ranvier.messages.message import Text
from ranvier.messages.response import Response, StreamEvent
from ranvier.providers._reading.halves import Halves, may_be_halved
from ranvier.providers.function_errors import Classify, FunctionErrors, kind_of

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

logger = logging.getLogger("ranvier.providers")

Complete = Callable[["Call"], Awaitable[Response | str]]
"""Takes a call and returns the complete answer."""

Stream = Callable[["Call"], AsyncIterator[StreamEvent | str]]
"""Takes a call and yields the answer piece by piece; the answer is complete when the generator returns."""


class FunctionProvider:
    """A provider built from functions; it needs no API key.

    Args:
        name: The provider name, used in targets and circuits.
        complete: An async function that takes a `Call` and returns a `Response` or a str.
        stream: An async generator function that takes a `Call` and yields `StreamEvent`s or strs.
        classify: Maps an exception to a ranvier error, or returns `None` for an unknown one. It is called
            for every exception that is not a ranvier error. An `OSError` that it does not know becomes a
            `ConnectionFailedError`; any other unknown exception propagates unchanged: it is not retried
            and does not count against the provider. An exception group becomes its first error if all of
            its errors are known.

    A function may call another pipeline. If all targets of that pipeline fail, its deadline passes or its
    stream breaks, this target has failed, and the next one is tried.

    Raises:
        ConfigurationError: neither `complete` nor `stream` is given, or an argument is not callable.
    """

    needs_credential = False
    stream: Callable[[Call], AsyncIterator[StreamEvent]] | None
    """`None` if this provider cannot stream."""

    def __init__(
        self,
        name: str,
        complete: Complete | None = None,
        stream: Stream | None = None,
        classify: Classify | None = None,
    ) -> None:
        self.name = validation.identifier("name", name)
        self.default_model = self.name
        if complete is None and stream is None:
            raise ConfigurationError(f"FunctionProvider({name!r}): give it complete=..., stream=... or both")
        for argument, function in (("complete", complete), ("stream", stream), ("classify", classify)):
            if function is not None and not callable(function):
                raise ConfigurationError(f"{argument}={function!r:.80}: give a function")
            if function is not None:
                what = "error" if argument == "classify" else "call"
                validation.check_takes(f"FunctionProvider({argument})", function, what)
        self._complete = complete
        self._stream = stream
        self._errors = FunctionErrors(self, self.name, classify)
        self._close_raised = False
        self.stream = None if stream is None else self._steps

    def __repr__(self) -> str:
        return f"FunctionProvider({self.name!r})"

    async def complete(self, call: Call) -> Response:
        """Return the answer of `complete`; without that function, collect the stream."""
        if self._complete is None:
            return await self._collected(call)
        try:
            answer = self._called(self._complete, call)
            if not inspect.isawaitable(answer):
                reason = f"complete returned a {kind_of(answer)} synchronously: make it `async def`"
                raise self._errors.invalid(call, reason)
            answer = await answer
        except Exception as error:
            mapped = self._errors.mapped(error, call)
            if mapped is None:
                raise
            raise mapped from error
        return self._response(answer, call)

    async def _steps(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        assert self._stream is not None
        steps: Any = None
        halves: Halves | None = None
        try:
            steps = self._called(self._stream, call)
            if not hasattr(steps, "__aiter__"):
                raise self._errors.invalid(
                    call, f"stream returned a {kind_of(steps)}: make it an async generator"
                )
            async for step in steps:
                event = StreamEvent(text=step) if isinstance(step, str) else step
                if not isinstance(event, StreamEvent):
                    raise self._errors.invalid(
                        call, f"stream yielded a {kind_of(step)}: yield StreamEvents or strs"
                    )
                if halves is None and self._is_halved(event, call):
                    halves = Halves()
                for each in (event,) if halves is None else halves.joined((event,)):
                    yield each
            for each in () if halves is None else halves.rest():
                yield each
        except Exception as error:
            mapped = self._errors.mapped(error, call)
            if mapped is None:
                raise
            raise mapped from error
        finally:
            await self._close(steps)

    def _is_halved(self, event: StreamEvent, call: Call) -> bool:
        try:
            return may_be_halved(event)
        except AttributeError:
            reason = "stream yielded a StreamEvent whose text, reasoning or arguments are no str"
            raise self._errors.invalid(call, reason) from None

    def _called(self, function: Callable[[Call], Any], call: Call) -> Any:
        try:
            return function(call)
        except asyncio.CancelledError as cancelled:  # a synchronous function cannot be cancelled midway
            raise ConnectionFailedError(
                f"{call.deployment} raised a CancelledError, but the call was not cancelled",
                provider=self.name,
                model=call.deployment.model,
            ) from cancelled

    async def _close(self, steps: Any) -> None:
        """Close what the stream function returned; an error in doing so is only logged."""
        close = getattr(steps, "aclose", None)
        if close is None:
            return
        caller = Caller()
        try:
            await close()
        except (Exception, asyncio.CancelledError) as error:
            if caller.has_cancelled and isinstance(error, asyncio.CancelledError):
                raise
            if not self._close_raised:
                self._close_raised = True
                logger.warning("closing a stream of %r failed; this is logged once", self, exc_info=True)

    async def _collected(self, call: Call) -> Response:
        collector = Collector()
        async for event in self._steps(call):
            collector.add(event)
        return collector.answer(self.name, call.deployment.model)

    def _response(self, answer: object, call: Call) -> Response:
        model = call.deployment.model
        if isinstance(answer, str):
            answer = whole_characters(answer)
            parts = (Text(answer),) if answer else ()
            return Response(text=answer, provider=self.name, model=model, parts=parts)
        if isinstance(answer, Response):  # a copy: the pipeline writes into it, the function may keep it
            if not isinstance(answer.text, str):
                reason = f"the text of its Response is a {kind_of(answer.text)}: give a str"
                raise self._errors.invalid(call, reason)
            return dataclasses.replace(
                answer,
                text=whole_characters(answer.text),
                provider=answer.provider or self.name,
                model=answer.model or model,
            )
        raise self._errors.invalid(call, f"complete returned a {kind_of(answer)}: return a Response or a str")
