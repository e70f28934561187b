"""The events that listeners receive, one class each. They hold facts only, no prompts and no keys."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ranvier.facts.counter import Counter
from ranvier.facts.story import NO_METADATA

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.facts.story import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened for `tenant` at `provider`.

    Attributes:
        name: The name of the kind of event, in logs and metrics.
        level, message: How `LoggingListener` logs it; `message` may use every field, and `event`, the name.
        verbose: Every call emits it, so that only listeners added with `verbose=True` receive it.
        counter: How OpenTelemetry and Prometheus count it; only events of this module are counted. `None` if
            they do not count it, or in another place, as they do ended attempts and calls.
        metadata: The labels of the call; empty where the event concerns no call, or more than one.
    """

    name: ClassVar[str] = "event"
    level: ClassVar[int] = logging.DEBUG
    message: ClassVar[str] = "%(event)s: %(tenant)s at %(provider)s"
    verbose: ClassVar[bool] = False
    counter: ClassVar[Counter | None] = None

    tenant: str
    provider: str
    model: str | None = None
    metadata: Mapping[str, str | float] = field(default_factory=lambda: NO_METADATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(Event):
    """Attempt number `attempt` failed with an error of `kind`; the next one starts in `delay` seconds."""

    name: ClassVar[str] = "retry"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = (
        "%(tenant)s: attempt %(attempt)d at %(provider)s/%(model)s failed (%(kind)s), "
        "retrying in %(delay).3f s"
    )
    counter: ClassVar[Counter] = Counter("ranvier.retries", "{retry}", "Retries at the same target.")

    attempt: int
    delay: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryWithheld(Event):
    """An attempt failed with an error of `kind`, and is not retried: the retry budget is used up."""

    name: ClassVar[str] = "retry_withheld"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = "%(tenant)s: no retry at %(provider)s/%(model)s (%(kind)s): no budget is left"
    counter: ClassVar[Counter] = Counter("ranvier.retries.withheld", "{retry}", "Retries without budget.")

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackTaken(Event):
    """The target failed with an error of `kind`, or its answer was `empty`; `to` is called next."""

    name: ClassVar[str] = "fallback"
    level: ClassVar[int] = logging.WARNING
    message: ClassVar[str] = "%(tenant)s: %(provider)s/%(model)s failed (%(kind)s), falling back to %(to)s"
    counter: ClassVar[Counter] = Counter(
        "ranvier.fallbacks", "{fallback}", "Calls that fell back to the next target."
    )

    to: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeSent(Event):
    """The target has had no content for `seconds`: the target `to` is asked as well."""

    name: ClassVar[str] = "hedge"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = (
        "%(tenant)s: %(provider)s/%(model)s has had no content for %(seconds).1f s, asking %(to)s as well"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.hedges",
        "{hedge}",
        "Calls sent to another target as well, by the silent provider.",
        attribute="ranvier.hedge.to",
        field="to",
    )

    to: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeWithheld(Event):
    """The target has had no content for `seconds`, but `to` has received its share of hedges."""

    name: ClassVar[str] = "hedge_withheld"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = (
        "%(tenant)s: %(provider)s/%(model)s has had no content for %(seconds).1f s, but too many calls were "
        "hedged to %(to)s"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.hedges.withheld",
        "{hedge}",
        "Hedges without budget, by the silent provider.",
        attribute="ranvier.hedge.to",
        field="to",
    )

    to: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChanged(Event):
    """A circuit changed from state `before` to state `after`: closed, open, half_open or isolated."""

    name: ClassVar[str] = "circuit"
    level: ClassVar[int] = logging.WARNING
    message: ClassVar[str] = "%(tenant)s: the circuit at %(provider)s went from %(before)s to %(after)s"
    counter: ClassVar[Counter] = Counter(
        "ranvier.circuit.changes",
        "{change}",
        "Circuit transitions to this state.",
        attribute="ranvier.circuit.state",
        field="after",
    )

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCircuitChanged(Event):
    """A circuit that all tenants share changed from state `before` to state `after`.

    Attributes:
        model: The model; `None` for the circuit of the whole endpoint.
        target: `provider/model`, or the provider for the circuit of the endpoint.
        before, after: closed, open, half_open or isolated.
        mode: `enforced`, or `observed` if it rejects nothing.
        tenants_keys: True for the circuit of calls with tenants' own keys.
        failing, active: How many tenants failed there, of how many that were active.
        rejected: Calls rejected since it opened; if `observed`, those that would have been.
    """

    name: ClassVar[str] = "shared_circuit"
    level: ClassVar[int] = logging.WARNING
    message: ClassVar[str] = (
        "the shared circuit of %(target)s (%(mode)s) went from %(before)s to %(after)s: "
        "%(failing)d of %(active)d tenants failing, %(rejected)d calls rejected"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.shared_circuit.changes",
        "{change}",
        "Transitions of shared circuits to this state.",
        attribute="ranvier.circuit.state",
        field="after",
    )

    target: str
    before: str
    after: str
    mode: str
    tenants_keys: bool
    failing: int
    active: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRejected(Event):
    """A circuit that is not closed, the closed gate of a key, or `allow=` rejected a call at a target.

    Also a target that is known to refuse the request, and a spend limit: if no target fits it, `provider` is
    empty.
    """

    name: ClassVar[str] = "rejected"
    counter: ClassVar[Counter] = Counter(
        "ranvier.rejections", "{rejection}", "Calls rejected by an open circuit, a closed gate or `allow=`."
    )

    kind: str
    retry_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Event):
    """The provider limited a key or is overloaded: nothing is sent with it to that model for `seconds`."""

    name: ClassVar[str] = "throttled"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = (
        "%(tenant)s: %(provider)s limits the key %(key)s at %(model)s (%(kind)s), "
        "not used there for %(seconds).3f s"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.throttled", "{event}", "Times that a provider rate limited a key."
    )

    kind: str
    seconds: float
    key: str
    """A digest that only distinguishes keys; the key cannot be recovered from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUsedUp(Event):
    """The limits that the provider reports for a key are used up: calls wait `seconds`, or go elsewhere.

    Reported at most once in ten seconds for each key and model.
    """

    name: ClassVar[str] = "limit_used_up"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = (
        "%(tenant)s: the key %(key)s has no %(limits)s left at %(provider)s/%(model)s for %(seconds).3f s"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.limits.used_up",
        "{event}",
        "Times that a reported limit of a key was used up.",
        field="limits",
    )

    limits: str
    """`requests`, `input_tokens`, `output_tokens` or `tokens`, or several of them."""

    seconds: float
    key: str
    """As in `Throttled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRejected(Event):
    """The provider rejected a key, or it is out of credit: it is not used again for `seconds`."""

    name: ClassVar[str] = "credential_refused"
    level: ClassVar[int] = logging.WARNING
    message: ClassVar[str] = (
        "%(tenant)s: %(provider)s rejected the key %(key)s (%(kind)s), not used for %(seconds).0f s"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.credentials.refused", "{event}", "Keys that a provider rejected."
    )

    kind: str
    seconds: float
    key: str
    """As in `Throttled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialLookupFailed(Event):
    """The credentials resolver, or a function for tokens, failed with an error of class `kind`.

    Once for each call of it, however many calls wait for the answer.
    """

    name: ClassVar[str] = "credential_lookup_failed"
    level: ClassVar[int] = logging.WARNING
    message: ClassVar[str] = "%(tenant)s: the credential lookup failed for %(provider)s (%(kind)s)"
    counter: ClassVar[Counter] = Counter("ranvier.credentials.lookups_failed", "{lookup}", "Failed lookups.")

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFull(Event):
    """All `max_circuits` circuits are in use: the call proceeds without one."""

    name: ClassVar[str] = "registry_full"
    level: ClassVar[int] = logging.WARNING
    message: ClassVar[str] = (
        "%(tenant)s: all %(max_circuits)d circuits are in use, a call to %(provider)s is sent without one"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.calls.untracked", "{call}", "Calls without a circuit: the registry was full.", field="name"
    )

    max_circuits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLowered(Event):
    """`AdaptiveLimit` has lowered the limit of a key and model from `before` to `after` calls in flight.

    Attributes:
        kind: `rate_limit` or `overloaded`, which the provider has answered, or `slow_first_token`.
    """

    name: ClassVar[str] = "limit_lowered"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = (
        "%(tenant)s: the limit of calls in flight at %(provider)s/%(model)s was lowered from %(before)d to "
        "%(after)d (%(kind)s)"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.limits.lowered", "{change}", "Times that an adaptive limit was lowered."
    )

    before: int
    after: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInterrupted(Event):
    """A stream broke after its hand-out, with an error of `kind`."""

    name: ClassVar[str] = "stream_interrupted"
    level: ClassVar[int] = logging.WARNING
    message: ClassVar[str] = "%(tenant)s: a stream of %(provider)s/%(model)s broke after hand-out (%(kind)s)"
    counter: ClassVar[Counter] = Counter(
        "ranvier.streams.interrupted", "{stream}", "Streams that broke after hand-out."
    )

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRestarted(Event):
    """A stream broke with an error of `kind`, and `to` answers from the beginning (`on_break="restart"`)."""

    name: ClassVar[str] = "stream_restarted"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = (
        "%(tenant)s: the stream of %(provider)s/%(model)s broke (%(kind)s), %(to)s answers from the beginning"
    )
    counter: ClassVar[Counter] = Counter(
        "ranvier.streams.restarted", "{stream}", "Streams that broke and were answered again."
    )

    to: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInjected(Event):
    """`Chaos` injects the fault `kind` into an attempt."""

    name: ClassVar[str] = "fault_injected"
    level: ClassVar[int] = logging.WARNING
    message: ClassVar[str] = "%(tenant)s: Chaos injects %(kind)s into an attempt at %(provider)s/%(model)s"
    counter: ClassVar[Counter] = Counter("ranvier.faults.injected", "{fault}", "Faults injected by Chaos.")

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDropped(Event):
    """An optional parameter, or field of a part, was left out because the target does not accept it."""

    name: ClassVar[str] = "parameter_dropped"

    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """Attempt number `attempt` at this target starts; its request is about to be sent."""

    name: ClassVar[str] = "attempt_started"
    verbose: ClassVar[bool] = True

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    """`attempt` has ended; it is the object in the record of the call."""

    name: ClassVar[str] = "attempt_ended"
    message: ClassVar[str] = (
        "%(tenant)s: attempt %(attempt)d at %(provider)s/%(model)s: %(outcome)s after %(seconds).3f s"
    )
    verbose: ClassVar[bool] = True

    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    """A call has ended; a stream ends when it is complete, broken or closed.

    Attributes:
        provider, model: Those of the last attempt, but for lost hedges; `""` and `None` if there was none.
        outcome: `succeeded`, `abandoned`, or the kind of its error.
        seconds: How long it took.
        streaming: True for `stream()`, False for `complete()`.
        story: Where the seconds went.
    """

    name: ClassVar[str] = "call_ended"
    message: ClassVar[str] = (
        "%(tenant)s: the call ended (%(outcome)s) after %(seconds).3f s and %(attempts)d attempts"
    )
    verbose: ClassVar[bool] = True

    outcome: str
    seconds: float
    streaming: bool
    story: Story


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAdjusted(Event):
    """A request was changed before it was sent, because its target would not accept it as it was.

    Attributes:
        parameter: What was changed, by its name in `Request` (`max_tokens`).
        change: How it was changed: `left out`, `sent as 8192`, `sent as max_completion_tokens`.
    """

    name: ClassVar[str] = "request_adjusted"
    message: ClassVar[str] = "%(tenant)s: %(parameter)s was adjusted for %(provider)s/%(model)s: %(change)s"

    parameter: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded(Event):
    """The stack was replaced by that of `source`; calls in flight end on the one before."""

    name: ClassVar[str] = "reloaded"
    level: ClassVar[int] = logging.INFO
    message: ClassVar[str] = "the pipeline goes on with %(source)s"

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFailed(Event):
    """`source` could not be read or used for `reason`: the stack goes on as it was."""

    name: ClassVar[str] = "reload_failed"
    level: ClassVar[int] = logging.ERROR
    message: ClassVar[str] = "%(source)s is not used, and the pipeline goes on as it was: %(reason)s"

    source: str
    reason: str


COUNTERS: dict[str, Counter] = {each.name: each.counter for each in Event.__subclasses__() if each.counter}
"""The counter of each counted event, by the event's name."""

Listener = Callable[[Event], object]
"""A plain or async function that receives every event."""
