"""Events, counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ranvier.events import (
    CallRejected,
    CircuitChanged,
    CredentialRejected,
    Event,
    FallbackTaken,
    RegistryFull,
    RetryScheduled,
    StreamInterrupted,
    Throttled,
)
from ranvier.telemetry.opentelemetry import names
from ranvier.telemetry.opentelemetry.names import Metric

if TYPE_CHECKING:
    from ranvier.telemetry.opentelemetry.instruments import Instruments
    from ranvier.telemetry.opentelemetry.target import Attributes

COUNTED: dict[type[Event], tuple[Metric, str, Callable[[Any], str]]] = {
    RetryScheduled: (names.RETRIES, names.KIND, lambda event: event.kind),
    FallbackTaken: (names.FALLBACKS_TAKEN, names.KIND, lambda event: event.kind),
    CircuitChanged: (names.CHANGES, names.CIRCUIT, lambda event: str(event.after)),
    CallRejected: (names.REJECTIONS, names.KIND, lambda event: event.kind),
    Throttled: (names.THROTTLED, names.KIND, lambda event: event.kind),
    CredentialRejected: (names.REFUSED, names.KIND, lambda event: event.kind),
    StreamInterrupted: (names.INTERRUPTED, names.KIND, lambda event: event.kind),
    RegistryFull: (names.UNTRACKED, names.KIND, lambda event: event.name),
}
"""The counter of each event, and the attribute beside the provider with its value."""


class CountingListener:
    """Counts what attempts and calls do not tell.

    Args:
        meters: Where.
        of_tenant: The attributes that tell whose it was, if they shall.
    """

    def __init__(self, meters: Instruments, of_tenant: Callable[[str], Attributes]) -> None:
        self._meters = meters
        self._of_tenant = of_tenant

    def __call__(self, event: Event) -> None:
        """Count `event`, if it is one of those."""
        counted = COUNTED.get(type(event))
        if counted is not None:
            metric, attribute, value = counted
            attributes = {names.OUR_PROVIDER: event.provider, attribute: value(event)}
            self._meters.count(metric, {**attributes, **self._of_tenant(event.tenant)})
