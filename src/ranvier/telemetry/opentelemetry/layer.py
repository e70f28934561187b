"""Tells OpenTelemetry of calls, where somebody has installed its SDK."""

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
    from ranvier.pipeline.runtime import Runtime

SCOPE = "ranvier"
"""The instrumentation scope of all spans and instruments."""

LOOK_EVERY = 1.0
"""Seconds between two looks for an SDK, as long as there is none."""

NOBODY = ("opentelemetry.trace", "opentelemetry.metrics")
"""Where the API keeps its own providers, which do nothing."""

Tenants = Literal["hashed", "plain", "omitted"]


class OpenTelemetry(Layer):
    """One span for each call with one for each attempt below it, and measurements, by the GenAI conventions.

        Pipeline(OpenTelemetry(), Deadline(60), Fallback(...), Retry(), Breaker(), Timeout())

    It goes first, so that it sees all of a call. As long as no SDK is installed it lets calls pass, and
    looks for one now and then. What fails inside an SDK is logged once and breaks no call.

    Args:
        tracer_provider: Where spans go; `None` is the global one, also where that is set later.
        meter_provider: The same for measurements.
        names: The conventions' names: `new`, `old` (those before 2026), or `both`.
        tenants: On spans: `hashed` (as the status page has them), `plain`, or `omitted`.
        tenant_metrics: Tell tenants on the metrics of ours too: a series for each of them.
        content: Put prompts, answers, instructions and the names of tools into the spans.

    Raises:
        ConfigurationError: `names` or `tenants` is none of those.
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
        self._tenant_metrics = tenant_metrics
        self._content = content
        self._teller: Instrumentation | None = None  # once there is an SDK
        self._gauge: CircuitGauge | None = None
        self._look_again = -1.0
        self._targets: weakref.WeakKeyDictionary[Runtime, Targets] = weakref.WeakKeyDictionary()

    # --- the way of a call -----------------------------------------------------------------------

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Observe the call, if anybody wants to know."""
        teller = self._teller
        if teller is None:
            if call.pipeline.clock() < self._look_again:
                return inner(call)
            teller = self._look(call)
            if teller is None:
                return inner(call)
        targets = self._targets.get(call.pipeline) or self._watch(call.pipeline, teller)
        if targets is None:
            return inner(call)
        return self._observed(teller, targets, call, inner)

    async def _observed(self, teller: Instrumentation, targets: Targets, call: Call, inner: Handler[R]) -> R:
        observation = CallSpan(teller, call, targets)  # here, where whatever begins a span also ends it
        try:
            answer = await inner(call)
        except BaseException as error:
            observation.failed(error)
            raise
        if isinstance(answer, ResponseStream):
            observation.follow(answer)
        else:
            observation.answered(answer)  # type: ignore[arg-type]  # because: what is no stream is a Response
        return answer

    # --- finding the SDK -------------------------------------------------------------------------

    @never_raises
    def _look(self, call: Call) -> Instrumentation | None:
        """See whether there is an SDK now."""
        self._look_again = call.pipeline.clock() + LOOK_EVERY
        tracers = _real(self._tracers or trace.get_tracer_provider())
        providers = _real(self._meter_providers or metrics.get_meter_provider())
        if tracers is None and providers is None:
            return None
        meters = None
        if providers is not None:
            meters, self._gauge = _meters(providers, self._naming), _gauge(providers)
        self._teller = Instrumentation(
            tracers and tracers.get_tracer(SCOPE),
            meters,
            self._naming,
            self._content,
            _whose(self._tenants),
            _whose(self._tenants if self._tenant_metrics else "omitted"),
        )
        return self._teller

    @never_raises
    def _watch(self, pipeline: Runtime, teller: Instrumentation) -> Targets:
        """Know the targets of `pipeline` from now on, and listen to its events."""
        targets = self._targets[pipeline] = Targets(pipeline)
        if teller.meters is not None:
            pipeline.events.add(CountingListener(teller.meters, teller.tenant_on_metrics))
        if self._gauge is not None:
            self._gauge.watch(pipeline, targets.providers)
        return targets

    def __repr__(self) -> str:
        return self._describe(**({} if self._naming == "new" else {"names": self._naming}))


def _real(provider: Any) -> Any:
    """`provider`, unless it is one of the API's own."""
    return None if type(provider).__module__.startswith(NOBODY) else provider


def _whose(tenants: Tenants) -> Any:
    if tenants == "omitted":
        return lambda tenant: {}
    return _plain if tenants == "plain" else _hashed


def _plain(tenant: str) -> Attributes:
    return {names.TENANT: tenant}


@functools.lru_cache(maxsize=4096)
def _hashed(tenant: str) -> Attributes:
    return {names.TENANT: digest_of(tenant)}


_made: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
"""What was made of each meter provider: an SDK makes each instrument once."""


def _meters(provider: Any, naming: Naming) -> Instruments:
    made = _made.setdefault(provider, {})
    if naming not in made:
        made[naming] = Instruments(provider.get_meter(SCOPE), naming)
    meters: Instruments = made[naming]
    return meters


def _gauge(provider: Any) -> CircuitGauge:
    made = _made.setdefault(provider, {})
    if "gauge" not in made:
        made["gauge"] = CircuitGauge(provider.get_meter(SCOPE))
    gauge: CircuitGauge = made["gauge"]
    return gauge
