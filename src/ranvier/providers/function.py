"""Any async function as a provider: behind the same layers as everyone else."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ranvier import checks, providers
from ranvier.errors import (
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidResponseError,
    RanvierError,
)
from ranvier.messages import Response, StreamEvent, Text
from ranvier.messages.characters import whole_characters
from ranvier.pipeline.collector import Collector
from ranvier.providers._halves import Halves, may_be_halved
from ranvier.providers._shown import LONGEST_WORDS, shown

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

logger = logging.getLogger("ranvier.providers")

Complete = Callable[["Call"], Awaitable[Response | str]]
"""Given a call, returns the whole answer."""

Stream = Callable[["Call"], AsyncIterator[StreamEvent | str]]
"""Given a call, yields the answer in steps; it is whole when the generator returns."""

Classify = Callable[[Exception], RanvierError | None]
"""Given an exception that is not ours, says which of our errors it is, or `None`."""


class FunctionProvider:
    """A provider made of functions; it needs no key.

    Args:
        name: How targets and circuits call it.
        complete: An async function from a `Call` to a `Response` or a text.
        stream: An async generator function from a `Call` to `StreamEvent`s or texts.
        classify: From an exception to one of our errors. It is asked about everything that is not
            ours. What it does not know is a failed connection if it is an `OSError`, and else passes
            through unchanged: it is not retried and counts nothing.

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
        self.name = checks.identifier("name", name)
        providers.names.add(self.name)
        self.default_model = self.name
        if complete is None and stream is None:
            raise ConfigurationError(f"FunctionProvider({name!r}): give it complete=..., stream=... or both")
        for argument, function in (("complete", complete), ("stream", stream), ("classify", classify)):
            if function is not None and not callable(function):
                raise ConfigurationError(f"{argument}={function!r:.80}: give a function")
        self._complete = complete
        self._stream = stream
        self._classify = classify
        self._classify_raised = False
        self.stream = None if stream is None else self._steps

    def __repr__(self) -> str:
        return f"FunctionProvider({self.name!r})"

    async def complete(self, call: Call) -> Response:
        """What the function answers; what its stream yields where it has no other."""
        if self._complete is None:
            return await self._collected(call)
        try:
            answer = await self._complete(call)
        except Exception as error:
            ours = self._as_ours(error, call)
            if ours is None:
                raise
            raise ours from error
        return self._response(answer, call)

    async def _steps(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        assert self._stream is not None
        steps = self._stream(call)
        halves: Halves | None = None
        try:
            async for step in steps:
                event = StreamEvent(text=step) if isinstance(step, str) else step
                if halves is None and may_be_halved(event):
                    halves = Halves()
                for each in (event,) if halves is None else halves.joined((event,)):
                    yield each
            for each in () if halves is None else halves.rest():
                yield each
        except Exception as error:
            ours = self._as_ours(error, call)
            if ours is None:
                raise
            raise ours from error
        finally:
            close = getattr(steps, "aclose", None)
            if close is not None:
                await close()

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
        raise InvalidResponseError(
            f"the function of {self.name} returned a {type(answer).__name__}: return a Response or a str",
            provider=self.name,
            model=model,
        )

    def _as_ours(self, error: Exception, call: Call) -> RanvierError | None:
        """Our error for `error`; `None` where it is ours already, or nobody knows it."""
        if isinstance(error, RanvierError):
            return None
        return self._asked(error) or self._system_error(error, call)

    def _asked(self, error: Exception) -> RanvierError | None:
        if self._classify is None:
            return None
        try:
            return self._classify(error)
        except Exception:
            if not self._classify_raised:
                self._classify_raised = True
                logger.exception("classify of %r raised; further errors of it are not logged", self)
            return None

    def _system_error(self, error: Exception, call: Call) -> RanvierError | None:
        if not isinstance(error, OSError):
            return None
        target: dict[str, Any] = {"provider": self.name, "model": call.deployment.model}
        if isinstance(error, TimeoutError) and error.errno is None:  # of asyncio, not of a socket
            return AttemptTimeoutError(f"{call.deployment} was too slow", phase="attempt", **target)
        said = shown(str(error), LONGEST_WORDS, call.credential) or type(error).__name__
        return ConnectionFailedError(f"{call.deployment}: {said}", **target)
