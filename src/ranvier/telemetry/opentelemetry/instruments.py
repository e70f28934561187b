"""The instruments of one meter provider, and what they record."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.metrics import Meter

from ranvier.messages.usage import Usage
from ranvier.telemetry.opentelemetry import names
from ranvier.telemetry.opentelemetry.names import Metric

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from ranvier.telemetry.opentelemetry.span_attributes import Ending
    from ranvier.telemetry.opentelemetry.target import Attributes, Target, Targets

Naming = Literal["new", "old", "both"]

NOTHING = Usage(complete=False)

MAX_MODELS = 100
"""Response models that get their own series, as the providers name them; later ones are omitted."""


class Instruments:
    """Records metrics under the new names, the old ones, or both.

    Args:
        meter: Creates the instruments.
        naming: Which names to use for the metrics of the conventions; `ranvier.` metrics have only one name.
    """

    def __init__(self, meter: Meter, naming: Naming) -> None:
        self._meter = meter
        self._known: weakref.WeakSet[Target] = weakref.WeakSet()  # targets whose series exist
        self._models: set[str] = set()
        self._made: dict[str, Any] = {}  # by name: two metrics share one old name
        recorded = [each for each in names.METRICS if each.kind != "gauge"]
        self._new = {
            each: self._instrument(each, each.name)
            for each in recorded
            if naming != "old" or not each.name.startswith("gen_ai.")
        }
        self._old = {
            each: self._instrument(each, each.old) for each in recorded if each.old and naming != "new"
        }

    def _instrument(self, metric: Metric, name: str) -> Any:
        if name not in self._made:
            if metric.kind == "counter":
                made: Any = self._meter.create_counter(name, metric.unit, metric.description)
            else:
                made = self._meter.create_histogram(
                    name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=metric.buckets
                )
            self._made[name] = made
        return self._made[name]

    def count(
        self, metric: Metric, attributes: Attributes, amount: int = 1, at: Context | None = None
    ) -> None:
        """Add to a counter; `at` is the context of the span that it belongs to."""
        if metric in self._new:
            self._new[metric].add(amount, attributes, at)

    def measure(
        self, metric: Metric, value: float, attributes: Attributes, at: Context | None = None, kind: str = ""
    ) -> None:
        """Record a value in a histogram; `kind` is its token type, where the old histogram has several."""
        if metric in self._new:
            self._new[metric].record(value, attributes, at)
        if metric in self._old:
            old = {**attributes, names.OLD_TOKEN_TYPE: kind} if kind else attributes
            self._old[metric].record(value, old, at)

    def record_call(self, end: Ending, targets: Targets, tenant: Attributes, at: Context | None) -> None:
        """Record a call that has ended, and its attempts."""
        what: Attributes = {names.OUR_PROVIDER: end.target.provider, names.OUTCOME: end.outcome, **tenant}
        self.count(names.CALLS, what, at=at)
        of_call = dict(end.target.attributes)
        if end.response is not None and self._has_own_series(end.response.model):
            of_call[names.RESPONSE_MODEL] = end.response.model
        if end.first_chunk is not None:
            self.measure(names.TIME_TO_FIRST_CHUNK, end.first_chunk, of_call, at)
        if end.error_type is not None:
            of_call[names.ERROR] = end.error_type
        self.measure(names.DURATION, end.seconds, of_call, at)
        usage = end.usage or NOTHING
        self.measure(names.CALL_INPUT, usage.input, of_call, at, "input")
        self.measure(names.CALL_OUTPUT, usage.output, of_call, at, "output")
        for attempt in end.attempts:
            target = targets.named(attempt.target)
            what = {names.OUR_PROVIDER: target.provider, names.OUTCOME: attempt.outcome, **tenant}
            self.count(names.ATTEMPTS_MADE, what, at=at)
            self.measure(names.ATTEMPT_DURATION, attempt.seconds, what, at)
            self._count_tokens(attempt.usage or NOTHING, target, at)
        if not end.attempts:
            self._count_tokens(NOTHING, end.target, at)

    def _has_own_series(self, model: str) -> bool:
        """True for the first `MAX_MODELS` models: a provider may report any number of names."""
        if model and model not in self._models and len(self._models) < MAX_MODELS:
            self._models.add(model)
        return model in self._models

    def _count_tokens(self, usage: Usage, target: Target, at: Context | None) -> None:
        """Count the tokens of an attempt at its target; 0 if unknown.

        A 0 is recorded only once per target, to create its series. Further zeros would change nothing, and
        cost as much as other values.
        """
        attributes = {**target.attributes, names.MODALITY: names.UNKNOWN}
        new = target not in self._known
        self._known.add(target)
        for metric, amount in (
            (names.USED_INPUT, usage.input),
            (names.USED_OUTPUT, usage.output),
            (names.USED_CACHE_READ, usage.cache_read),
            (names.USED_CACHE_WRITE, usage.cache_write),
            (names.USED_REASONING, usage.reasoning),
        ):
            if amount or new:
                self.count(metric, attributes, amount, at)
