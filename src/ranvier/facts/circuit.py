"""The states of a circuit, and a snapshot of one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CircuitState(StrEnum):
    """What a circuit does with the next call."""

    CLOSED = "closed"
    """Admits it."""

    OPEN = "open"
    """Rejects it until the cooldown is over."""

    HALF_OPEN = "half_open"
    """Admits it as a probe, if fewer than `max_probes` are in flight."""

    ISOLATED = "isolated"
    """Rejects it until an operator resets the circuit."""


CLOSED, OPEN, HALF_OPEN, ISOLATED = CircuitState


@dataclass(frozen=True, slots=True)
class CircuitSnapshot:
    """The state and counts of a circuit at one moment.

    Attributes:
        state: closed, open, half_open or isolated.
        failures: Failures in a row, while closed.
        in_flight: Calls admitted and not yet ended.
        total_opens: How often it has opened.
        retry_after: Seconds until a rejected call is worth another try; `None` if unknown.
    """

    state: CircuitState
    failures: int
    in_flight: int
    total_opens: int
    retry_after: float | None
