"""A provider that follows a test's script."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import ConnectionFailedError, InvalidResponseError, ProviderError
from ranvier.messages.collector import Collector, steps_of
from ranvier.messages.response import SIGN_OF_LIFE, FinishReason, Response, StreamEvent

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


@dataclass(frozen=True, slots=True)
class After:
    """A delay, and the reply that follows it."""

    seconds: float
    reply: Any


@dataclass(frozen=True, slots=True)
class Script:
    """The steps of a streamed reply."""

    steps: tuple[Any, ...]


def after(seconds: float, reply: Any) -> After:
    """Delay `reply` by `seconds`; also usable as a step of a stream."""
    return After(validation.seconds("after(seconds)", seconds), reply)


def stream(*steps: Any) -> Script:
    """A reply in steps: texts, `StreamEvent`s, errors, `after(...)`, `cut()`, `stall()`, `ping()`.

    It ends properly unless a step interrupts it. `complete()` collects it into a whole answer.
    """
    return Script(steps)


def cut() -> BaseException:
    """End a stream without its terminal event."""
    return InvalidResponseError("the stream ended before the answer did", provider="")


def broken() -> BaseException:
    """Break the connection."""
    return ConnectionFailedError("the connection was reset", provider="")


def stall() -> After:
    """Send nothing, forever."""
    return After(float("inf"), "")


def ping() -> StreamEvent:
    """Activity without content, as servers send it while a model thinks."""
    return SIGN_OF_LIFE


Reply = str | Response | BaseException | After | Script | Awaitable[Any]
"""How a scripted provider answers one call; an awaitable is replaced by its result."""


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
        script: The replies, in order; or a sync or async function of the call that returns one. An
            error is raised (a fresh copy each time); the last reply of a list is repeated for further calls.
        model: The default model.
        streaming: False for a provider that cannot stream.

    Attributes:
        slots, needs_credential, credential: Unset unless a test sets them; HTTP adapters have the same.
            Set `needs_credential` before you build a pipeline.
        takes_access: True: the calls show the endpoint and headers of a tenant, as `access`.
        calls: The calls received, oldest first, each with its `request`, `tenant`, `credential`, `access`,
            `attempt` and `deadline`.
        in_progress: The number of calls in flight.
        cancelled: The number of calls that were cancelled or closed before their end.
    """

    slots: asyncio.Semaphore
    needs_credential: bool
    takes_access = True
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
        replies = script if callable(script) else _in_order(validation.listed("script", script))
        self._next: Callable[[Call], Reply] = replies
        if not streaming:
            self.stream = None  # type: ignore[assignment]  # because: this marks a provider without streams

    async def complete(self, call: Call) -> Response:
        """Return the next reply, whole."""
        collector = Collector()
        async with self._received(call) as reply:
            reply = await _now(reply)
            if isinstance(reply, Response):
                return dataclasses.replace(reply)
            async for event in self._steps(reply):
                collector.add(event)
            return collector.answer(self.name, call.deployment.model)

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """Yield the next reply, in steps."""
        async with self._received(call) as reply:
            async for event in self._steps(reply):
                yield event

    @asynccontextmanager
    async def _received(self, call: Call) -> AsyncGenerator[Reply, None]:
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
        """The events of `reply`, with a finish reason at the end unless one of them raised."""
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
    """Wait out the delays of `reply`, and return what remains."""
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
        raise ConfigurationError(f"script={script!r}: pass a list of replies or a function of the call")
    remaining = iter(replies)
    return lambda call: next(remaining, replies[-1])
