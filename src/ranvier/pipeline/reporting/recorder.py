"""Writes attempts, waits and errors of a call into its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.rejected import RejectedError
from ranvier.errors.root import RanvierError
from ranvier.facts.attempt import HEDGE_LOST, Attempt
from ranvier.facts.story import Wait, with_wait
from ranvier.pipeline.reporting.announce import announce_started, announce_withheld

if TYPE_CHECKING:
    from ranvier.facts.record import Record
    from ranvier.pipeline.call import Call


def begin(call: Call, now: float, queued: float) -> Attempt:
    """Record that an attempt of `call` starts, and notify the permits of probes."""
    attempt = Attempt(call.deployment.target, call.attempt, call.delay, call.reason, call.circuit, now)
    attempt.queued = queued
    if call.deployment.fault is not None:
        attempt.fault, attempt.billable = call.deployment.fault, call.deployment.is_asked
    if call.access is not None:
        attempt.endpoint = call.access.endpoint
    call.record.attempts += (attempt,)
    if call.probing:
        for permit in call.probing:
            permit.sent(call)
    if call.pipeline.events.verbose:
        announce_started(call)
    return attempt


def waited(call: Call, kind: str, began: float, reason: str | None = None) -> None:
    """Record a wait of `call` since `began`; `kind` is what it waited for. Also records a skipped target."""
    seconds = call.pipeline.clock() - began
    call.record.waits = with_wait(
        call.record.waits, Wait(kind, began, seconds, reason, call.deployment.target)
    )


def noted(call: Call, kind: str, seconds: float = 0.0, reason: str | None = None) -> None:
    """Record a fact about `call` other than a wait: see `ranvier.facts.story.NOTED`."""
    call.record.waits += (Wait(kind, call.pipeline.clock(), seconds, reason, call.deployment.target),)


def withheld(call: Call, error: RanvierError) -> None:
    """Record and emit that `call` is not sent again after `error`, because no retry budget is left."""
    noted(call, "retry_withheld")
    announce_withheld(call, error)


def balanced(call: Call, target: str, how: str) -> None:
    """Record that a balance has chosen `target` for `call`."""
    call.record.waits += (Wait("balanced", call.pipeline.clock(), 0.0, how, target),)


def skipped(call: Call, error: RanvierError) -> None:
    """Record that the target of `call` was skipped because of `error`."""
    target = call.deployment.target
    if isinstance(error, RejectedError):
        words = error.in_words()
    else:
        words = str(error).partition(";")[0].removeprefix(f"{target} ")
    passed_over(call, error, target, words)


def passed_over(call: Call, error: RanvierError, target: str, words: str | None) -> None:
    """Record that `target` was passed over because of `error`, in `words`."""
    call.record.waits += (Wait("skipped", call.pipeline.clock(), 0.0, error.kind, target, words),)


def attempt_failed(attempt: Attempt, now: float, error: BaseException | None) -> None:
    """Record that `attempt` ended with `error`; anything but a RanvierError counts as `abandoned`.

    An attempt that was overtaken by another target counts as lost, however it ended in the background.
    """
    attempt.seconds = now - attempt.started
    if attempt.outcome == HEDGE_LOST:
        return
    if isinstance(error, RanvierError):
        if attempt.fault is not None:
            error.injected = True
        if attempt.first_token is None and not error.billable:
            attempt.billable = False
        attempt.outcome = error.kind
        attempt.status = getattr(error, "status", None)
        attempt.request_id = getattr(error, "request_id", None)
    else:
        attempt.outcome = "abandoned"


def call_failed(record: Record, now: float, error: BaseException) -> None:
    """Record that the call has ended with `error`, and attach the record to it."""
    record.ended, record.outcome = now, "abandoned"
    if isinstance(error, RanvierError):
        record.outcome = error.outcome
        attach(record, error)


def attach(record: Record, error: RanvierError) -> None:
    """Attach this record to `error`, and to the members of a group."""
    for each in (error, *getattr(error, "exceptions", ())):
        each.attempts, each.record = record.attempts, record
