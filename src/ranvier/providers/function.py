"""Any async function as a provider: behind the same layers as everyone else."""

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
from ranvier.messages.request import Text
from ranvier.messages.response import Response, StreamEvent
from ranvier.providers._reading.halves import Halves, may_be_halved
from ranvier.providers.function_errors import Classify, FunctionErrors

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

logger = logging.getLogger("ranvier.providers")

Complete = Callable[["Call"], Awaitable[Response | str]]
"""Given a call, returns the whole answer."""

Stream = Callable[["Call"], AsyncIterator[StreamEvent | str]]
"""Given a call, yields the answer in steps; it is whole when the generator returns."""


class FunctionProvider:
    """A provider made of functions; it needs no key.

    Args:
        name: How targets and circuits call it.
        complete: An async function from a `Call` to a `Response` or a text.
        stream: An async generator function from a `Call` to `StreamEvent`s or texts.
        classify: From an exception to one of our errors. It is asked about everything that is not
            ours. What it does not know is a failed connection if it is an `OSError`, and else passes
            through unchanged: it is not retried and counts nothing. A group of errors that are all known
            is the first of them.

    A function may ask another pipeline: where all targets of that fail, its deadline passes or its stream
    breaks, this target has failed, and the next one is asked.

    Raises:
        ConfigurationError: it can do nothing, or an argument is no function.
    """

    needs_credential = False
    stream: Callable[[Call], AsyncIterator[StreamEvent]] | None
    """`None` where it cannot stream."""

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
        self._complete = complete
        self._stream = stream
        self._errors = FunctionErrors(self, self.name, classify)
        self._close_raised = False
        self.stream = None if stream is None else self._steps

    def __repr__(self) -> str:
        return f"FunctionProvider({self.name!r})"

    async def complete(self, call: Call) -> Response:
        """What the function answers; what its stream yields where it has no other."""
        if self._complete is None:
            return await self._collected(call)
        try:
            answer = self._called(self._complete, call)
            if not inspect.isawaitable(answer):
                raise self._errors.unfit(call, f"returned a {_kind(answer)} at once: make it `async def`")
            answer = await answer
        except Exception as error:
            ours = self._errors.mapped(error, call)
            if ours is None:
                raise
            raise ours from error
        return self._response(answer, call)

    async def _steps(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        assert self._stream is not None
        steps: Any = None
        halves: Halves | None = None
        try:
            steps = self._called(self._stream, call)
            if not hasattr(steps, "__aiter__"):
                raise self._errors.unfit(
                    call,
                    f"for streams returned a {_kind(steps)}: make it an async generator",
                )
            async for step in steps:
                event = StreamEvent(text=step) if isinstance(step, str) else step
                if not isinstance(event, StreamEvent):
                    raise self._errors.unfit(
                        call, f"for streams yielded a {_kind(step)}: yield StreamEvents or texts"
                    )
                if halves is None and may_be_halved(event):
                    halves = Halves()
                for each in (event,) if halves is None else halves.joined((event,)):
                    yield each
            for each in () if halves is None else halves.rest():
                yield each
        except Exception as error:
            ours = self._errors.mapped(error, call)
            if ours is None:
                raise
            raise ours from error
        finally:
            await self._close(steps)

    def _called(self, function: Callable[[Call], Any], call: Call) -> Any:
        try:
            return function(call)
        except asyncio.CancelledError as cancelled:  # nobody can cancel in the middle of a plain function
            raise ConnectionFailedError(
                f"{call.deployment} raised a CancelledError, but nobody cancelled the call",
                provider=self.name,
                model=call.deployment.model,
            ) from cancelled

    async def _close(self, steps: Any) -> None:
        """Close what the stream function returned. What goes wrong then is logged, and changes nothing."""
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
            return dataclasses.replace(
                answer,
                text=whole_characters(answer.text),
                provider=answer.provider or self.name,
                model=answer.model or model,
            )
        raise self._errors.unfit(call, f"returned a {_kind(answer)}: return a Response or a str")


def _kind(value: object) -> str:
    """The type of what a function gave instead of an answer, which is closed where it would complain."""
    if inspect.iscoroutine(value):
        value.close()
    return type(value).__name__
