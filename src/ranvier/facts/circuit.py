"""The states of a circuit, and snapshots of one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ranvier.wording import target_name


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


@dataclass(frozen=True, slots=True)
class SharedCircuitSnapshot:
    """A shared circuit at one moment.

    Attributes:
        provider: The provider of the endpoint.
        model: The model; `None` for the circuit of the whole endpoint.
        tenants_keys: True for the circuit of calls with tenants' own keys.
        state: closed, open, half_open or isolated.
        mode: `enforced` or `observed`.
        failing, active: How many tenants vote against the target, of how many that are active there.
        probes: Probes in flight.
        rejected: Calls that it has rejected since it opened; if `observed`, would have rejected.
        total_opens: How often it has opened.
        retry_after: Seconds until the next probe may start; `None` if closed or isolated.
    """

    provider: str
    model: str | None
    tenants_keys: bool
    state: CircuitState
    mode: str
    failing: int
    active: int
    probes: int
    rejected: int
    total_opens: int
    retry_after: float | None

    @property
    def target(self) -> str:
        """`provider/model`, or the provider for the circuit of the whole endpoint."""
        return target_name(self.provider, self.model)
