"""What was tried on behalf of one call. Categories only: no exception objects, no texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ranvier.errors import RanvierError
from ranvier.messages import Usage

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


@dataclass(slots=True)
class Attempt:
    """One try at one deployment.

    Attributes:
        target: Who was asked: `"provider/model"`.
        number: Which try at this target, from 1.
        delay: Seconds slept before it.
        reason: Why it was made: the kind of error that a retry or fallback answers, else `None`.
        circuit: The state of the circuit that admitted it; `None` without a breaker.
        started: When it was sent, on the loop's clock.
        outcome: `succeeded`, `abandoned`, or the kind of its error; `running` until it has ended.
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
        self.outcome, self.usage, self.seconds = "succeeded", usage, now - self.started

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
    """The attempts of one call: append-only, shared by all that is derived from the call."""

    __slots__ = ("attempts", "cut_off")

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.cut_off = False  # the pipeline closed while the call was under way, and cancelled it

    def begin(self, call: Call, now: float, queued: float) -> Attempt:
        """Write down that `call` is about to be tried."""
        attempt = Attempt(call.deployment.target, call.attempt, call.delay, call.reason, call.circuit, now)
        attempt.queued = queued
        self.attempts.append(attempt)
        return attempt
