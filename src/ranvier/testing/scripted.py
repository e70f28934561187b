"""A provider that does what a test tells it to."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ranvier.errors import ConfigurationError, ConnectionFailedError, InvalidResponseError, ProviderError
from ranvier.messages import SIGN_OF_LIFE, FinishReason, Response, StreamEvent
from ranvier.pipeline.collector import Collector, steps_of

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


@dataclass(frozen=True, slots=True)
class After:
    """A delay, and what comes then."""

    seconds: float
    reply: Any


@dataclass(frozen=True, slots=True)
class Script:
    """The steps of a streamed reply."""

    steps: tuple[Any, ...]


def after(seconds: float, reply: Any) -> After:
    """`reply`, `seconds` later; also as a step of a stream."""
    return After(seconds, reply)


def stream(*steps: Any) -> Script:
    """A reply in steps: texts, `StreamEvent`s, errors, `after(...)`, `cut()`, `stall()`, `ping()`.

    Unless a step breaks it, it ends as a good stream does. Asked whole, its provider gathers it.
    """
    return Script(steps)


def cut() -> BaseException:
    """A stream that ends without its terminal event."""
    return InvalidResponseError("the stream ended before the answer did", provider="")


def broken() -> BaseException:
    """A connection that breaks."""
    return ConnectionFailedError("the connection was reset", provider="")


def stall() -> After:
    """Silence, for ever."""
    return After(float("inf"), "")


def ping() -> StreamEvent:
    """A sign of life without content, as servers send them while a model thinks."""
    return SIGN_OF_LIFE


Reply = str | Response | BaseException | After | Script | Awaitable[Any]
"""What a scripted provider does with one call; of what can be awaited, what comes out."""


class ScriptedProvider:
    """Answers from a script, and records the calls that reached it.

        primary = ScriptedProvider(
            "anthropic",
            [
                RateLimitError("slow down", provider="anthropic", retry_after=7),
                after(2, "hello"),
                stream("one ", after(1, "two"), cut()),
                stall(),
            ],
        )
        secondary = ScriptedProvider("openai", lambda call: f"hello, {call.tenant}")

    Args:
        name: The provider's name.
        script: The replies, in order; or a function of the call, plain or async, that returns one. An
            error is raised (a fresh copy each time); the last reply of a list is repeated for further calls.
        model: The default model.
        streaming: False for a provider that can only be asked whole.

    Attributes:
        slots, needs_credential, credential: As adapters over HTTP have them, if a test sets them.
        calls: The calls that arrived, oldest first: each with its `request`, `tenant`, `credential`,
            `attempt` and `deadline`.
        in_progress: How many of them have not ended.
        cancelled: How many of them were cancelled or closed before their end.
    """

    slots: asyncio.Semaphore
    needs_credential: bool
    credential: Callable[[], str | None]

    def __init__(
        self,
        name: str,
        script: Iterable[Reply] | Callable[[Call], Reply] = ("ok",),
        *,
        model: str = "scripted",
        streaming: bool = True,
    ) -> None:
        self.name = name
        self.default_model = model
        self.calls: list[Call] = []
        self.in_progress = 0
        self.cancelled = 0
        self._next: Callable[[Call], Reply] = script if callable(script) else _in_order(script)
        if not streaming:
            self.stream = None  # type: ignore[assignment]  # because: so says a provider that cannot stream

    async def complete(self, call: Call) -> Response:
        """The next reply, whole."""
        collector = Collector()
        async with self._asked(call) as reply:
            reply = await _now(reply)
            if isinstance(reply, Response):
                return dataclasses.replace(reply)
            async for event in self._steps(reply):
                collector.add(event)
            return collector.answer(self.name, call.deployment.model)

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The next reply, in steps."""
        async with self._asked(call) as reply:
            async for event in self._steps(reply):
                yield event

    @asynccontextmanager
    async def _asked(self, call: Call) -> AsyncGenerator[Reply, None]:
        self.calls.append(call)
        self.in_progress += 1
        try:
            yield self._next(call)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.in_progress -= 1

    async def _steps(self, reply: Reply) -> AsyncGenerator[StreamEvent, None]:
        """The events of `reply`, with a good end unless one of them broke it off."""
        reply = await _now(reply)
        finished = False
        for step in reply.steps if isinstance(reply, Script) else (reply,):
            for event in self._events(await _now(step)):
                if event.has_content or event.finish_reason is not None:
                    finished = event.finish_reason is not None
                yield event
        if not finished:
            yield StreamEvent(finish_reason=FinishReason.STOP)

    def _events(self, step: Any) -> Iterable[StreamEvent]:
        if isinstance(step, BaseException):
            raise self._fresh(step)
        if isinstance(step, Response):
            return steps_of(step)
        return [step if isinstance(step, StreamEvent) else StreamEvent(text=step)]

    def _fresh(self, error: BaseException) -> BaseException:
        error = copy.copy(error)  # one instance raised twice would carry the traces of both
        if isinstance(error, ProviderError) and not error.provider:
            error.provider = self.name
        return error


async def _now(reply: Any) -> Any:
    """What `reply` turns out to be, once its delays are over."""
    while isinstance(reply, (After, Awaitable)):
        if not isinstance(reply, After):
            reply = await reply
            continue
        if reply.seconds == float("inf"):
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(reply.seconds)
        reply = reply.reply
    return reply


def _in_order(script: Iterable[Reply]) -> Callable[[Call], Reply]:
    replies = list(script)
    if isinstance(script, str) or not replies:
        raise ConfigurationError(f"script={script!r}: give a list of replies, or a function of the call")
    remaining = iter(replies)
    return lambda call: next(remaining, replies[-1])
