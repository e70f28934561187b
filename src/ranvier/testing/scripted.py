"""A provider that does what a test tells it to."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ranvier.errors import ConfigurationError, ConnectionFailedError, InvalidResponseError
from ranvier.messages import FinishReason, Response, StreamEvent, Text, Usage

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


@dataclass(frozen=True, slots=True)
class After:
    """A delay, and what comes then."""

    seconds: float
    reply: Any


@dataclass(frozen=True, slots=True)
class Stream:
    """The steps of a streamed reply."""

    steps: tuple[Any, ...]


def after(seconds: float, reply: Any) -> After:
    """`reply`, `seconds` later; also as a step of a stream."""
    return After(seconds, reply)


def stream(*steps: Any) -> Stream:
    """A reply in steps: texts, `StreamEvent`s, errors, `after(...)`, `cut()`, `stall()`.

    Unless a step breaks it, it ends as a good stream does. Asked whole, its provider gathers it.
    """
    return Stream(steps)


def cut() -> BaseException:
    """A stream that ends without its terminal event."""
    return InvalidResponseError("the stream ended before the answer did", provider="")


def broken() -> BaseException:
    """A connection that breaks."""
    return ConnectionFailedError("the connection was reset", provider="")


def stall() -> After:
    """Silence, for ever."""
    return After(float("inf"), "")


Reply = str | Response | BaseException | After | Stream
"""What a scripted provider does with one call."""


class ScriptedProvider:
    """Answers from a script, and records the calls that reached it.

        primary = ScriptedProvider("anthropic", [RateLimitError("slow down", provider="anthropic"), "hello"])

    Args:
        name: The provider's name.
        script: The replies, in order; or a function of the call that returns one. An error is raised
            (a fresh copy each time); the last reply of a list is repeated for further calls.
        model: The default model.
        streaming: False for a provider that can only be asked whole.

    Attributes:
        calls: The calls that arrived, oldest first.
        in_progress: How many of them have not ended.
        cancelled: How many of them were cancelled or closed before their end.
    """

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
        text = ""
        async for event in self._play(call):
            if event.finish_reason is not None and event.parts:
                return copy.copy(event.parts[0])  # type: ignore[return-value]  # because: _play hides a Response there
            text += event.text
        return Response(text, provider=self.name, model=call.deployment.model)

    def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The next reply, in steps."""
        return self._play(call)
