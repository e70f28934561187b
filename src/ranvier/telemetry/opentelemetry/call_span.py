"""Reports one call to OpenTelemetry: its span, the spans of its attempts, and its metrics."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry import context as contexts
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, set_span_in_context

from ranvier import clock
from ranvier.errors.root import RanvierError
from ranvier.facts.attempt import SUCCEEDED, deciding
from ranvier.telemetry.opentelemetry import content, names, span_attributes
from ranvier.telemetry.opentelemetry.instruments import Instruments, Naming
from ranvier.telemetry.opentelemetry.never_raises import never_raises
from ranvier.telemetry.opentelemetry.span_attributes import ABANDONED, Ending

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from ranvier.facts.attempt import Attempt
    from ranvier.messages.response import Response
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.outcome import Outcome
    from ranvier.pipeline.streaming.stream import ResponseStream
    from ranvier.telemetry.opentelemetry.target import Attributes, Targets


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """Where calls are reported, and with which details.

    Attributes:
        tracer: Creates spans; `None` without an SDK for traces.
        instruments: Record metrics; `None` without an SDK for metrics.
        naming: Which names of the conventions are used.
        content: Whether spans contain messages.
        tenant_on_spans, tenant_on_metrics: Return the attributes for a tenant, if any.
    """

    tracer: Tracer | None
    instruments: Instruments | None
    naming: Naming
    content: bool
    tenant_on_spans: Callable[[str], Attributes]
    tenant_on_metrics: Callable[[str], Attributes]


class CallSpan:
    """One call from its start to its end, which is reported once.

    The span is never made current: between two events of a stream other code runs in the same
    context. Instead it is passed explicitly to the spans of the attempts and to the metrics.
    A stream is referenced weakly, so that a dropped stream can be garbage collected.
    """

    __slots__ = (
        "_call",
        "_context",
        "_first",
        "_instrumentation",
        "_span",
        "_started_at",
        "_stream",
        "_targets",
        "_wall",
    )

    def __init__(self, instrumentation: Instrumentation, call: Call, targets: Targets) -> None:
        self._instrumentation = instrumentation
        self._call = call
        self._targets = targets
        self._first = targets.start(call)
        self._started_at = call.pipeline.clock()
        self._wall = 0
        self._span: Span = INVALID_SPAN
        self._context: Context | None = None
        self._stream: weakref.ref[ResponseStream] | None = None
        if instrumentation.tracer is not None:
            self._start(instrumentation.tracer)

    @never_raises
    def _start(self, tracer: Tracer) -> None:
        """Start the span, as a child of the caller's current span."""
        self._wall = clock.wall()
        current = contexts.get_current()
        attributes = {**self._first.attributes, **self._instrumentation.tenant_on_spans(self._call.tenant)}
        span = tracer.start_span(
            self._first.name, current, SpanKind.CLIENT, attributes, start_time=self._wall
        )
        if span.is_recording():
            self._span, self._context = span, set_span_in_context(span, current)
            span.set_attributes(span_attributes.request(self._call))
            if self._instrumentation.content:
                span.set_attributes(content.request(self._call.request))

    # --- the end ---------------------------------------------------------------------------------

    def answered(self, response: Response) -> None:
        """End with a response."""
        self._end(SUCCEEDED, response)

    def failed(self, error: BaseException) -> None:
        """End with an error or a cancellation."""
        if isinstance(error, RanvierError):
            self._end(error.outcome)
        elif isinstance(error, Exception):
            self._end(RanvierError.kind, error_type=type(error).__qualname__)
        else:
            self._end(ABANDONED)

    def follow(self, stream: ResponseStream) -> None:
        """End when `stream` ends."""
        self._stream = weakref.ref(stream)
        stream.on_end(self._stream_ended)

    def _stream_ended(self, outcome: Outcome) -> None:
        stream = self._stream() if self._stream is not None else None
        response = None if stream is None else stream.response or stream.received
        self._end(self._call.record.ending, response)

    @never_raises
    def _end(self, outcome: str, response: Response | None = None, error_type: str | None = None) -> None:
        if self._instrumentation.instruments is None and not self._span.is_recording():
            return
        call, attempts = self._call, self._call.record.attempts
        last = deciding(attempts)
        if error_type is None and outcome not in (SUCCEEDED, ABANDONED):
            error_type = outcome
        end = Ending(
            seconds=call.pipeline.clock() - self._started_at,
            first_chunk=self._first_chunk(last) if self._stream is not None and last is not None else None,
            outcome=outcome,
            error_type=error_type,
            attempts=attempts,
            target=self._first if last is None else self._targets.named(last.target),
            response=response,
        )
        if self._instrumentation.instruments is not None:
            self._measure(self._instrumentation.instruments, end)
        if self._span.is_recording():
            self._end_span(end)

    def _first_chunk(self, attempt: Attempt) -> float | None:
        """Seconds from the call to the first content of its stream."""
        first = attempt.first_token
        return None if first is None else attempt.started + first - self._started_at

    @never_raises
    def _measure(self, instruments: Instruments, end: Ending) -> None:
        tenant = self._instrumentation.tenant_on_metrics(self._call.tenant)
        instruments.record_call(end, self._targets, tenant, self._context)

    @never_raises
    def _end_span(self, end: Ending) -> None:
        span = self._span
        try:
            for attempt in end.attempts:
                self._record_attempt(attempt)
            for wait in self._call.record.waits:
                span.add_event(names.WAIT, span_attributes.wait(wait), self._when(wait.started_at))
            span.update_name(end.target.name)
            span.set_attributes(span_attributes.ending(end, self._instrumentation.naming))
            if self._instrumentation.content and end.response is not None:
                span.set_attributes(content.response(end.response, end.finish_reason))
            if end.error_type is not None:
                span.set_status(StatusCode.ERROR, end.error_type)
        finally:
            span.end(self._when(self._started_at + end.seconds))

    @never_raises
    def _record_attempt(self, attempt: Attempt) -> None:
        tracer = self._instrumentation.tracer
        assert tracer is not None
        server = self._targets.named(attempt.target).server
        if attempt.endpoint is not None:
            server = {names.ADDRESS: attempt.endpoint.rpartition("-")[0]}
        attributes = {**server, **span_attributes.attempt(attempt)}
        started = self._when(attempt.started)
        span = tracer.start_span(
            f"attempt {attempt.target}", self._context, SpanKind.INTERNAL, attributes, start_time=started
        )
        if names.ERROR in attributes:
            span.set_status(StatusCode.ERROR, attempt.outcome)
        span.end(self._when(attempt.started + attempt.seconds))

    def _when(self, moment: float) -> int:
        """A moment of the pipeline's clock, in nanoseconds since the epoch."""
        return self._wall + round((moment - self._started_at) * 1e9)
