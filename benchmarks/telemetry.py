"""What OpenTelemetry costs a call: `python benchmarks/telemetry.py`, with opentelemetry-sdk installed.

CPU time per call through a whole stack to a provider that answers at once, one call after the other, the best
of several rounds. Exporters are not in it: they work in threads of their own, at their own pace.
"""

from __future__ import annotations

import asyncio
import gc
import time

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import NoOpTracerProvider

from ranvier import Layer, Pipeline, Response
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call
from ranvier.providers import FunctionProvider
from ranvier.telemetry import OpenTelemetry

ROUNDS, CALLS = 7, 3000


async def _answer(call: Call) -> Response:
    return Response("ok")


def _stack(*layers: Layer) -> Pipeline:
    route = Fallback(FunctionProvider("here", complete=_answer))
    return Pipeline(*layers, Deadline(60), route, Retry(), Breaker(), Timeout(seconds=10))


def _watched(sampler: Sampler | None, *, metrics: bool) -> Pipeline:
    tracers = NoOpTracerProvider() if sampler is None else TracerProvider(sampler, shutdown_on_exit=False)
    if isinstance(tracers, TracerProvider):
        tracers.add_span_processor(SpanProcessor())
    meters = (
        MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False) if metrics else NoOpMeterProvider()
    )
    return _stack(OpenTelemetry(tracer_provider=tracers, meter_provider=meters))


async def _measure(pipeline: Pipeline) -> float:
    gc.collect()
    began = time.process_time()
    for _ in range(CALLS):
        await pipeline.complete("Why?")
    return (time.process_time() - began) / CALLS * 1e6


async def main() -> None:
    """Measure and print."""
    cases = {
        "without the layer": _stack(),
        "no SDK": _stack(OpenTelemetry()),
        "spans, sampled out": _watched(ALWAYS_OFF, metrics=False),
        "spans, sampled in": _watched(ALWAYS_ON, metrics=False),
        "metrics": _watched(None, metrics=True),
        "metrics, and spans sampled in": _watched(ALWAYS_ON, metrics=True),
    }
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(ROUNDS):
        for name, pipeline in cases.items():
            best[name] = min(best[name], await _measure(pipeline))
    for name, cost in best.items():
        print(f"{name:30} {cost:7.1f} us a call, {cost - best['without the layer']:+.1f}")


if __name__ == "__main__":
    asyncio.run(main())
