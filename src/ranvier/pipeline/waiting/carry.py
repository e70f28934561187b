"""Carries a call that holds a place in front of its target, until the call or its stream has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ranvier.pipeline.streaming.stream import ResponseStream
from ranvier.pipeline.waiting.held import Held, RequeueError

if TYPE_CHECKING:
    from ranvier.facts.rate_limits import OnLimits
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.layer import Handler, R
    from ranvier.pipeline.outcome import Outcome


class Holding(Held, Protocol):
    """A place, or a reserved part of a limit, that a call holds in one layer."""

    def try_take(self) -> bool:
        """Take it, if it is free and no call waits for it."""

    async def wait(self, *, first: bool) -> None:
        """Wait for it; `first` is true for a call that has waited here before."""

    def began(self) -> None:
        """The call is a stream, whose first content has arrived."""

    def end(self, outcome: Outcome | None = None) -> None:
        """The call has ended here."""


async def carry(held: Holding, call: Call, inner: Handler[R], on_limits: OnLimits | None = None) -> R:
    """Take `held`, waiting if necessary, and pass the call on; give it back when the call or stream ends."""
    waited = False
    while True:
        if waited or not held.try_take():
            await held.wait(first=waited)
        try:
            answer = await inner(call.holding(held, on_limits))
        except RequeueError as error:
            held.end()
            if error.by is not held:
                raise
            waited = True
        except BaseException:
            held.end()
            raise
        else:
            if isinstance(answer, ResponseStream) and answer.is_of_provider:
                answer.on_end(held.end)
                held.began()
            else:
                held.end()
            return answer
