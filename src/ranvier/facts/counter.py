"""How a kind of event is counted, in OpenTelemetry and in Prometheus."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of events by provider and one more attribute.

    Attributes:
        name: Its name in OpenTelemetry, `ranvier.circuit.changes`.
        unit: What it counts, in UCUM as OpenTelemetry requires: `{change}`.
        description: What is counted, also the help text in Prometheus.
        attribute: The attribute beside the provider in OpenTelemetry; its last part is its label in
            Prometheus.
        field: The field of the event that is the value of this attribute.
    """

    name: str
    unit: str
    description: str
    attribute: str = "ranvier.kind"
    field: str = "kind"

    @property
    def prometheus_name(self) -> str:
        """Its name in Prometheus, `ranvier_circuit_changes_total`."""
        return f"{self.name.replace('.', '_')}_total"

    @property
    def label(self) -> str:
        """Its label beside the provider in Prometheus, `state` for `ranvier.circuit.state`."""
        return self.attribute.rpartition(".")[2]

    def value(self, event: object) -> str:
        """The value of the attribute for `event`."""
        return str(getattr(event, self.field))
