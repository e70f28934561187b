"""An OpenTelemetry SDK that keeps in memory what it is told."""

from collections import Counter
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from ranvier.telemetry import OpenTelemetry


class Sdk:
    """A tracer provider and a meter provider of its own, and what they have heard."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)

    def layer(self, **options: Any) -> OpenTelemetry:
        """The layer that tells this SDK."""
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order of their ends."""
        return list(self.exporter.get_finished_spans())

    @property
    def calls(self) -> list[ReadableSpan]:
        """Those of calls."""
        return [span for span in self.spans if "gen_ai.operation.name" in span.attributes]

    @property
    def attempts(self) -> list[ReadableSpan]:
        """Those of attempts."""
        return [span for span in self.spans if span.name.startswith("attempt ")]

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics by name."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def points(self, name: str) -> list[Any]:
        """The data points of a metric; none where nothing was told."""
        metric = self.metrics.get(name)
        return [] if metric is None else list(metric.data.data_points)

    def counts(self, name: str, *attributes: str) -> Counter[Any]:
        """A counter's values, or how often a histogram was told something, by the values of attributes."""
        counts: Counter[Any] = Counter()
        for point in self.points(name):
            key = tuple(point.attributes.get(each) for each in attributes)
            counts[key if len(key) > 1 else key[0]] += point.count if hasattr(point, "count") else point.value
        return counts

    def total(self, name: str) -> int:
        """A counter's sum over everything."""
        return sum(point.value for point in self.points(name))
