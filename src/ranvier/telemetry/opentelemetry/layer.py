"""Reports calls to OpenTelemetry, if an SDK is installed."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from opentelemetry import metrics, trace

from ranvier import validation
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.streaming.stream import ResponseStream
from ranvier.telemetry.opentelemetry import names
from ranvier.telemetry.opentelemetry.call_span import CallSpan, Instrumentation
from ranvier.telemetry.opentelemetry.circuits import CircuitGauge
from ranvier.telemetry.opentelemetry.instruments import Instruments, Naming
from ranvier.telemetry.opentelemetry.listening import CountingListener
from ranvier.telemetry.opentelemetry.never_raises import never_raises
from ranvier.telemetry.opentelemetry.target import Attributes, Targets
from ranvier.tenancy import digest_of

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from ranvier.pipeline.call import Call
    from ranvier.pipeline.reporting.emitter import Events
    from ranvier.pipeline.runtime import Runtime

SCOPE = "ranvier"
"""The instrumentation scope of all spans and instruments."""

CHECK_INTERVAL = 1.0
"""Seconds between two checks for an SDK, as long as there is none."""

API_MODULES = ("opentelemetry.trace", "opentelemetry.metrics")
"""The modules of the API's own providers, which do nothing."""

Tenants = Literal["hashed", "plain", "omitted"]


class OpenTelemetry(Layer):
    """Export a span per call, with a child span per attempt, and metrics, by the GenAI conventions.

        Pipeline(OpenTelemetry(), Deadline(60), Fallback(...), Retry(), Breaker(), Timeout())

    Put it first, so that it covers the whole call. Without an SDK it passes calls on, and checks for an
    SDK every second. An error inside an SDK is logged once and never fails a call.

    Args:
        tracer_provider: Receives the spans; `None` is the global one, also if that is set later.
        meter_provider: Receives the metrics; `None` is the global one, also if that is set later.
        names: The conventions' names: `new`, `old` (those before 2026), or `both`.
        tenants: Tenants on spans: `hashed` (as on the status page), `plain`, or `omitted`.
        tenant_metrics: Add the tenant to the `ranvier.` metrics too: one series per tenant.
        content: Add prompts, answers, instructions and the names of tools to the spans.

    Raises:
        ConfigurationError: `names` or `tenants` is not one of these values.
    """

    place: ClassVar[Place] = Place.CALL

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        names: Naming = "new",
        tenants: Tenants = "hashed",
        tenant_metrics: bool = False,
        content: bool = False,
    ) -> None:
        self._tracers = tracer_provider
        self._meter_providers = meter_provider
        validation.choice("OpenTelemetry(names)", names, ("new", "old", "both"))
        validation.choice("OpenTelemetry(tenants)", tenants, ("hashed", "plain", "omitted"))
        self._naming, self._tenants = names, tenants
        self._tenant_metrics = validation.flag("OpenTelemetry(tenant_metrics)", tenant_metrics)
        self._content = validation.flag("OpenTelemetry(content)", content)
        self._instrumentation: Instrumentation | None = None  # once there is an SDK
        self._gauge: CircuitGauge | None = None
        self._next_check = -1.0
        self._targets: weakref.WeakKeyDictionary[Runtime, Targets] = weakref.WeakKeyDictionary()

        # The same for every stack of a pipeline, which is replaced by a reload:
        self._listeners: weakref.WeakKeyDictionary[Events, CountingListener] = weakref.WeakKeyDictionary()

    # --- handling a call -------------------------------------------------------------------------

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Pass on the call, and observe it if there is an SDK."""
        instrumentation = self._instrumentation
        if instrumentation is None:
            if call.pipeline.clock() < self._next_check:
                return inner(call)
            instrumentation = self._find_sdk(call)
            if instrumentation is None:
                return inner(call)
        targets = self._targets.get(call.pipeline) or self._register(call.pipeline, instrumentation)
        if targets is None:
            return inner(call)
        return self._observed(instrumentation, targets, call, inner)

    async def _observed(
        self, instrumentation: Instrumentation, targets: Targets, call: Call, inner: Handler[R]
    ) -> R:
        span = CallSpan(instrumentation, call, targets)  # created here, so that a span that begins also ends
        try:
            answer = await inner(call)
        except BaseException as error:
            span.failed(error)
            raise
        if isinstance(answer, ResponseStream):
            span.follow(answer)
        else:
            span.answered(answer)  # type: ignore[arg-type]  # because: it is a stream or a Response
        return answer

    # --- finding the SDK -------------------------------------------------------------------------

    @never_raises
    def _find_sdk(self, call: Call) -> Instrumentation | None:
        """Check whether there is an SDK now."""
        self._next_check = call.pipeline.clock() + CHECK_INTERVAL
        tracers = _real(self._tracers or trace.get_tracer_provider())
        providers = _real(self._meter_providers or metrics.get_meter_provider())
        if tracers is None and providers is None:
            return None
        instruments = None
        if providers is not None:
            instruments, self._gauge = _instruments(providers, self._naming), _gauge(providers)
        self._instrumentation = Instrumentation(
            tracers and tracers.get_tracer(SCOPE),
            instruments,
            self._naming,
            self._content,
            _tenant_attributes(self._tenants),
            _tenant_attributes(self._tenants if self._tenant_metrics else "omitted"),
        )
        return self._instrumentation

    @never_raises
    def _register(self, pipeline: Runtime, instrumentation: Instrumentation) -> Targets:
        """Register the targets of `pipeline`, and listen to its events."""
        targets = self._targets[pipeline] = Targets(pipeline)
        if instrumentation.instruments is not None and pipeline.events not in self._listeners:
            listener = CountingListener(instrumentation.instruments, instrumentation.tenant_on_metrics)
            self._listeners[pipeline.events] = listener
            pipeline.events.add(listener)
        if self._gauge is not None:
            self._gauge.add(pipeline, targets.providers)
        return targets

    def leave(self, pipeline: Runtime) -> None:
        """Stop counting the events of `pipeline`."""
        listener = self._listeners.pop(pipeline.events, None)
        if listener is not None:
            pipeline.events.remove(listener)

    def __repr__(self) -> str:
        return self._describe(**({} if self._naming == "new" else {"names": self._naming}))


def _real(provider: Any) -> Any:
    """`provider`, unless it is one of the API's own."""
    return None if type(provider).__module__.startswith(API_MODULES) else provider


def _tenant_attributes(tenants: Tenants) -> Any:
    if tenants == "omitted":
        return lambda tenant: {}
    return _plain if tenants == "plain" else _hashed


def _plain(tenant: str) -> Attributes:
    return {names.TENANT: tenant}


@functools.lru_cache(maxsize=4096)
def _hashed(tenant: str) -> Attributes:
    return {names.TENANT: digest_of(tenant)}


_made: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
"""The instruments of each meter provider: an SDK creates each instrument only once."""


def _instruments(provider: Any, naming: Naming) -> Instruments:
    made = _made.setdefault(provider, {})
    if naming not in made:
        made[naming] = Instruments(provider.get_meter(SCOPE), naming)
    instruments: Instruments = made[naming]
    return instruments


def _gauge(provider: Any) -> CircuitGauge:
    made = _made.setdefault(provider, {})
    if "gauge" not in made:
        made["gauge"] = CircuitGauge(provider.get_meter(SCOPE))
    gauge: CircuitGauge = made["gauge"]
    return gauge
