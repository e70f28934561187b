"""What was tried on behalf of one call. Categories only: no exception objects, no texts."""

from __future__ import annotations

from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ranvier.errors import RanvierError
from ranvier.messages import Usage
from ranvier.pipeline.call_events import tell_started
from ranvier.pipeline.story import Story, Wait

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

SUCCEEDED: Final = "succeeded"
EMPTY: Final = "empty"
"""The outcome of an attempt whose answer holds nothing, where other targets can be asked. It is no error."""


@dataclass(slots=True)
class Attempt:
    """One try at one deployment.

    Attributes:
        target: Who was asked: `"provider/model"`.
        number: Which try at this target, from 1.
        delay: Seconds slept before it.
        reason: Why it was made: the outcome that a retry or fallback answers, else `None`.
        circuit: The state of the circuit that admitted it; `None` without a breaker.
        started: When it was sent, on the loop's clock.
        outcome: `succeeded`, `abandoned`, or the kind of its error; `running` until it has ended. `empty` is
            a success that holds nothing, where other targets are asked instead: see `Fallback(on_empty)`.
        status, request_id: Of the provider's reply, where one came with an error.
        queued: Seconds it had waited for a connection slot before it was sent.
        first_token: Seconds to the first content of a stream, else `None`.
        seconds: Seconds from the start to the end.
        usage: Tokens that the provider reported.
        skipped: Malformed chunks that held no content and were passed over.
    """

    target: str
    number: int
    delay: float
    reason: str | None
    circuit: str | None
    started: float
    outcome: str = "running"
    status: int | None = None
    request_id: str | None = None
    queued: float = 0.0
    first_token: float | None = None
    seconds: float = 0.0
    usage: Usage | None = None
    skipped: int = 0

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.target.partition("/")[0]

    @property
    def model(self) -> str:
        """The model's id."""
        return self.target.partition("/")[2]

    def succeeded(self, now: float, usage: Usage) -> None:
        """The provider has answered."""
        self.outcome, self.usage, self.seconds = SUCCEEDED, usage, now - self.started

    def failed(self, now: float, error: BaseException | None) -> None:
        """It ended with `error`; a cancellation, an unknown one or none is `abandoned`."""
        self.seconds = now - self.started
        if isinstance(error, RanvierError):
            self.outcome = error.kind
            self.status = getattr(error, "status", None)
            self.request_id = getattr(error, "request_id", None)
        else:
            self.outcome = "abandoned"


class Record:
    """What was tried for one call: append-only, shared by all that is derived from the call.

    Attributes:
        attempts: What was sent.
        waits: What it waited for besides, and the targets that were passed over.
        began, ended: When the call did, on the loop's clock.
        outcome: How it ended, once it has; a stream that broke ended as its last attempt did.
        tried_keys: Keys that were at fault, as (target, hash of the key).
        cut_off: The pipeline closed while the call was under way, and cancelled it.
        context: A copy of the context in which the call began, until it has ended: of a stream, and of
            any call while somebody listens.
        muted: Its event loop is gone: what it still gives back, listeners are not told of.
    """

    __slots__ = (
        "attempts",
        "began",
        "context",
        "cut_off",
        "ended",
        "muted",
        "outcome",
        "tried_keys",
        "waits",
    )

    def __init__(self) -> None:
        self.attempts: tuple[Attempt, ...] = ()  # nearly always one: a list would cost more, in memory too
        self.waits: tuple[Wait, ...] = ()
        self.tried_keys: tuple[tuple[str, int], ...] = ()
        self.began = self.ended = 0.0
        self.outcome: str | None = None
        self.cut_off = self.muted = False
        self.context: Context | None = None

    def answered_nothing(self) -> None:
        """The answer that has just come holds nothing, and is not all that will be tried."""
        if self.attempts and self.attempts[-1].outcome == SUCCEEDED:
            self.attempts[-1].outcome = EMPTY

    def answered_since(self, tried: tuple[Attempt, ...]) -> bool:
        """Whether a provider has answered since `tried` was all that had been tried."""
        attempts = self.attempts
        if attempts is tried:
            return False
        return attempts[-1].outcome == SUCCEEDED or any(
            each.outcome == SUCCEEDED for each in attempts[len(tried) :]
        )

    def begin(self, call: Call, now: float, queued: float) -> Attempt:
        """Write down that `call` is about to be tried, and let the probes among its permits know."""
        attempt = Attempt(call.deployment.target, call.attempt, call.delay, call.reason, call.circuit, now)
        attempt.queued = queued
        self.attempts += (attempt,)
        if call.probing:
            for permit in call.probing:
                permit.sent(call)
        if call.pipeline.events.attentive:
            tell_started(call)
        return attempt

    def waited(self, kind: str, call: Call, began: float, reason: str | None = None) -> None:
        """Write down that `call` has waited since `began`, for what, and why; or was passed over then."""
        seconds = call.pipeline.clock() - began
        self.waits += (Wait(kind, began, seconds, reason, call.deployment.target),)

    def failed(self, now: float, error: BaseException) -> None:
        """The call has ended by `error`, which carries this record from now on."""
        self.ended, self.outcome = now, "abandoned"
        if isinstance(error, RanvierError):
            self.outcome = error.kind
            self.attach(error)

    def attach(self, error: RanvierError) -> None:
        """From now on `error`, and what it consists of, carries this record."""
        for each in (error, *getattr(error, "exceptions", ())):
            each.attempts, each.record = self.attempts, self

    @property
    def ending(self) -> str:
        """How the call ended, or else how its last attempt did; an empty answer is an answer all the same."""
        if self.outcome is not None:
            return self.outcome
        last = self.attempts[-1].outcome if self.attempts else "abandoned"
        return SUCCEEDED if last == EMPTY else last

    def story(self) -> Story:
        """The story so far."""
        return Story(
            self.began,
            self.ended,
            self.ending,
            self.attempts,
            tuple(wait for wait in self.waits if wait.kind != "skipped"),
            tuple(wait for wait in self.waits if wait.kind == "skipped"),
        )
