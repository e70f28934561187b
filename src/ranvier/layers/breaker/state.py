"""The states of a circuit, and what a look at one shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CircuitState(StrEnum):
    """What a circuit does with the next call."""

    CLOSED = "closed"
    """Lets it pass."""

    OPEN = "open"
    """Refuses it until the cooldown is over."""

    HALF_OPEN = "half_open"
    """Lets a probe pass, if there is none under way."""

    ISOLATED = "isolated"
    """Refuses it until an operator resets the circuit."""


CLOSED, OPEN, HALF_OPEN, ISOLATED = CircuitState


@dataclass(frozen=True, slots=True)
class CircuitSnapshot:
    """A circuit as it was when it was looked at.

    Attributes:
        state: closed, open, half_open or isolated.
        failures: In a row, while closed.
        in_flight: Calls admitted and not yet ended.
        total_opens: How often it has opened.
        retry_after: Seconds until a refused call is worth another try, if anybody can say.
    """

    state: CircuitState
    failures: int
    in_flight: int
    total_opens: int
    retry_after: float | None
