"""Counts events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ranvier.events import COUNTERS, Event
from ranvier.pipeline.credentials.identity import provider_in
from ranvier.telemetry.opentelemetry import names

if TYPE_CHECKING:
    from ranvier.telemetry.opentelemetry.instruments import Instruments
    from ranvier.telemetry.opentelemetry.target import Attributes


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
        """Count `event`, if it has a counter."""
        counter = COUNTERS.get(event.name)
        if counter is not None:
            metric = names.COUNTERS_OF_EVENTS[event.name]
            provider = provider_in(event.provider)
            attributes = {names.OUR_PROVIDER: provider, counter.attribute: counter.value(event)}
            self._instruments.count(metric, {**attributes, **self._tenant_attributes(event.tenant)})
