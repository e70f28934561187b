"""A gauge of circuits by state, observed whenever metrics are collected."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from ranvier.pipeline.credentials.identity import provider_in
from ranvier.telemetry.opentelemetry import names

if TYPE_CHECKING:
    from ranvier.pipeline.circuits import CircuitRegistry
    from ranvier.pipeline.runtime import Runtime

STATES = ("closed", "open", "half_open", "isolated")

MAX_PROVIDERS = 100
"""Providers whose circuits are counted separately; all others are counted as `OTHERS`."""

OTHERS = "others"


class CircuitGauge:
    """The circuits of all pipelines that report to one meter provider, summed by provider and state.

    It counts in the thread that collects the metrics, and never by tenant: the number of its series is
    bounded by the providers of the pipelines. A pipeline that is garbage collected is dropped.
    """

    def __init__(self, meter: Meter) -> None:
        self._pipelines: weakref.WeakKeyDictionary[Runtime, tuple[str, ...]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        gauge = names.CIRCUITS
        meter.create_observable_gauge(gauge.name, [self._observe], gauge.unit, gauge.description)

    def add(self, pipeline: Runtime, providers: tuple[str, ...]) -> None:
        """Count the circuits of `pipeline` too; each of `providers` starts at 0."""
        with self._lock:
            self._pipelines[pipeline] = providers

    def _observe(self, options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            pipelines = list(self._pipelines.items())
        counts: Counter[tuple[str, str]] = Counter()
        for registry in {
            id(each): each for pipeline, _ in pipelines for each in _registries(pipeline)
        }.values():
            counts.update((_provider_of(key), str(state)) for key, state in registry.states())
        known = [provider for _, providers in pipelines for provider in providers]
        names_seen = list(dict.fromkeys([*known, *(provider for provider, _ in counts)]))
        for provider in names_seen[:MAX_PROVIDERS]:
            for state in STATES:
                yield _observation(provider, state, counts[provider, state])
        for state in STATES if len(names_seen) > MAX_PROVIDERS else ():
            rest = sum(counts[provider, state] for provider in names_seen[MAX_PROVIDERS:])
            yield _observation(OTHERS, state, rest)


def _registries(pipeline: Runtime) -> list[CircuitRegistry]:
    return [layer.circuits for layer in pipeline.layers if layer.circuits is not None]


def _provider_of(key: Hashable) -> str:
    """The provider in the key of a circuit, which may contain a target; a user's own key has no provider."""
    return provider_in(str(key[1])) if isinstance(key, tuple) and len(key) > 1 else OTHERS


def _observation(provider: str, state: str, number: int) -> Observation:
    return Observation(number, {names.OUR_PROVIDER: provider, names.CIRCUIT: state})
