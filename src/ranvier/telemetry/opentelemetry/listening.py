"""Counts events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ranvier.events import (
    CallRejected,
    CircuitChanged,
    CredentialLookupFailed,
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
    CredentialLookupFailed: (names.LOOKUPS_FAILED, names.KIND, lambda event: event.cause),
    StreamInterrupted: (names.INTERRUPTED, names.KIND, lambda event: event.kind),
    RegistryFull: (names.UNTRACKED, names.KIND, lambda event: event.name),
}
"""The counter of each event, and the attribute beside the provider with its value."""


class CountingListener:
    """Counts the events that are not part of the record of a call.

    Args:
        instruments: Where to count them.
        tenant_attributes: Returns the attributes for a tenant, if any.
    """

    def __init__(self, instruments: Instruments, tenant_attributes: Callable[[str], Attributes]) -> None:
        self._instruments = instruments
        self._tenant_attributes = tenant_attributes

    def __call__(self, event: Event) -> None:
        """Count `event`, if it is one of `COUNTED`."""
        counted = COUNTED.get(type(event))
        if counted is not None:
            metric, attribute, value = counted
            attributes = {names.OUR_PROVIDER: event.provider, attribute: value(event)}
            self._instruments.count(metric, {**attributes, **self._tenant_attributes(event.tenant)})
