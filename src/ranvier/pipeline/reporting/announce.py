"""Emits the events of one call: rejections, withheld retries, attempts, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.events import AttemptEnded, AttemptStarted, CallEnded, CallRejected, RetryWithheld
from ranvier.facts.attempt import deciding

if TYPE_CHECKING:
    from ranvier.errors.root import RanvierError
    from ranvier.facts.attempt import Attempt
    from ranvier.pipeline.call import Call


def announce_rejected(call: Call, error: RanvierError) -> None:
    """Emit that a layer has rejected `call` with `error`."""
    if call.pipeline.events.hears(CallRejected):
        event = CallRejected(
            tenant=call.tenant,
            provider=call.deployment.provider.name,
            model=call.deployment.model,
            metadata=call.record.metadata,
            kind=error.kind,
            retry_after=error.retry_after,
        )
        call.pipeline.events.emit(event, call.record)


def announce_withheld(call: Call, error: RanvierError) -> None:
    """Emit that `call` is not sent again after `error`."""
    if call.pipeline.events.hears(RetryWithheld):
        call.pipeline.events.emit(RetryWithheld(**call.where(), kind=error.kind), call.record)


def announce_started(call: Call) -> None:
    """Emit to verbose listeners that an attempt starts."""
    call.pipeline.events.emit(AttemptStarted(**call.where(), attempt=call.attempt), call.record)


def announce_attempt(call: Call, attempt: Attempt) -> None:
    """Emit to verbose listeners that `attempt` has ended."""
    if call.pipeline.events.verbose:
        call.pipeline.events.emit(AttemptEnded(**call.where(), attempt=attempt), call.record)


def announce_call(call: Call) -> None:
    """Emit to verbose listeners that `call` has ended."""
    if not call.pipeline.events.verbose:
        return
    story = call.record.story()
    last = deciding(story.attempts)
    call.pipeline.events.emit(
        CallEnded(
            tenant=call.tenant,
            provider=last.provider if last else "",
            model=last.model if last else None,
            outcome=story.outcome,
            seconds=story.seconds,
            streaming=call.streaming,
            story=story,
            metadata=story.metadata,
        ),
        call.record,
    )
