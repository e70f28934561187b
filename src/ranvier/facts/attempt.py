"""One attempt at one target. It holds categories only: no exception objects, no texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ranvier.messages.usage import Usage

SUCCEEDED: Final = "succeeded"
EMPTY: Final = "empty"
"""The outcome of an attempt whose answer is empty, if other targets are tried instead. It is not an error."""

HEDGE_LOST: Final = "hedge_lost"
"""The outcome of an attempt that was overtaken by that at another target. It is not an error."""


@dataclass(slots=True)
class Attempt:
    """One attempt at one deployment.

    Attributes:
        target: The target: `"provider/model"`.
        number: The number of the attempt at this target, from 1.
        delay: Seconds slept before it.
        reason: The outcome that caused this retry or fallback; `None` for the first attempt.
        circuit: The state of the circuit that admitted it; `None` without a breaker.
        started: When it was sent, on the loop's clock.
        outcome: `succeeded`, `abandoned`, or the kind of its error; `running` until it has ended. `empty` is
            a success without content after which other targets are tried: see `Fallback(on_empty)`; and
            `hedge_lost` means that another target answered first.
        status, request_id: Those of the provider's error response, if there was one.
        queued: Seconds it waited for a connection slot before it was sent.
        first_token: Seconds to the first content of a stream, else `None`.
        seconds: Seconds from the start to the end.
        usage: Tokens that the provider reported.
        skipped: Number of malformed chunks without content that were ignored.
        billable: False if it cost nothing: nothing was sent, or the provider rejected the request.
        fault: The fault that `Chaos` injected, else `None`.
        endpoint: The name of the tenant's own endpoint, its host and a digest; else `None`.
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
    billable: bool = True
    fault: str | None = None
    endpoint: str | None = None

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.target.partition("/")[0]

    @property
    def model(self) -> str:
        """The model's id."""
        return self.target.partition("/")[2]

    def succeeded(self, now: float, usage: Usage) -> None:
        """Record that the provider has answered."""
        self.outcome, self.usage, self.seconds = SUCCEEDED, usage, now - self.started


def deciding(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt that decided how its call ended: the last one that no other target has overtaken."""
    for attempt in reversed(attempts):
        if attempt.outcome != HEDGE_LOST:
            return attempt
    return attempts[-1] if attempts else None
