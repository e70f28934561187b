"""One try at one target. Categories only: no exception objects, no texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ranvier.messages.usage import Usage

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
