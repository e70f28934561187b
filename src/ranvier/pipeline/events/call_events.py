"""What is told of one call while it is carried: its attempts, what was changed of them, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ranvier.pipeline.events.emitter import CallRejected, Event, where

if TYPE_CHECKING:
    from ranvier.errors import RejectedError
    from ranvier.facts.record import Attempt
    from ranvier.facts.story import Story
    from ranvier.pipeline.call import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """Attempt number `attempt` at this target is about to be sent."""

    name: ClassVar[str] = "attempt_started"
    routine: ClassVar[bool] = True

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    """`attempt` has ended, as the record has it."""

    name: ClassVar[str] = "attempt_ended"
    routine: ClassVar[bool] = True

    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    """A call has ended, a stream by its end, break or close; `provider` is of its last attempt, or empty.

    Attributes:
        outcome: `succeeded`, `abandoned`, or the kind of its error.
        seconds: How long it took.
        streaming: Whether its caller asked for a stream.
        story: Where the seconds went.
    """

    name: ClassVar[str] = "call_ended"
    routine: ClassVar[bool] = True

    outcome: str
    seconds: float
    streaming: bool
    story: Story


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAdjusted(Event):
    """A request was sent otherwise than asked, because its target would refuse it.

    Attributes:
        parameter: What was changed, in the neutral words of a request (`max_tokens`).
        change: What was done to it: `left out`, `sent as 8192`, `sent as max_completion_tokens`.
    """

    name: ClassVar[str] = "request_adjusted"

    parameter: str
    change: str


def tell_rejected(call: Call, error: RejectedError, provider: str) -> None:
    """Tell whoever listens that a layer does not let `call` pass at `provider`, by `error`."""
    if call.pipeline.events.listeners:
        event = CallRejected(
            tenant=call.tenant,
            provider=provider,
            model=call.deployment.model,
            kind=error.kind,
            retry_after=error.retry_after,
        )
        call.pipeline.events.emit(event, call)


def tell_started(call: Call) -> None:
    """Tell those who are attentive that an attempt begins."""
    call.pipeline.events.emit(AttemptStarted(**where(call), attempt=call.attempt), call)


def tell_attempt(call: Call, attempt: Attempt) -> None:
    """Tell whoever wants to know that `attempt` has ended."""
    if call.pipeline.events.attentive:
        call.pipeline.events.emit(AttemptEnded(**where(call), attempt=attempt), call)


def tell_call(call: Call) -> None:
    """Tell whoever wants to know that `call` has ended."""
    if not call.pipeline.events.attentive:
        return
    story = call.record.story()
    last = story.attempts[-1] if story.attempts else None
    call.pipeline.events.emit(
        CallEnded(
            tenant=call.tenant,
            provider=last.provider if last else "",
            model=last.model if last else None,
            outcome=story.outcome,
            seconds=story.seconds,
            streaming=call.streaming,
            story=story,
        ),
        call,
    )
