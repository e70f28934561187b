"""One call on its way down the stack, and the watch by which its route follows the attempt in flight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ranvier.events import RequestAdjusted
from ranvier.facts.price import of_target
from ranvier.messages.size import estimated_characters_in
from ranvier.pipeline.timing.limits import UNLIMITED, Limits

if TYPE_CHECKING:
    from ranvier.errors.root import RanvierError
    from ranvier.facts.attempt import Attempt
    from ranvier.facts.rate_limits import OnLimits
    from ranvier.facts.record import Record
    from ranvier.messages.request import Request
    from ranvier.pipeline.asking.notified import Injectable, Observer, Probing, Spending
    from ranvier.pipeline.credentials.access import Access
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime
    from ranvier.pipeline.timing.alarm import Alarm
    from ranvier.pipeline.waiting.held import Held

_new = object.__new__


class Watch:
    """Follows the attempts that one call makes at one target, one after the other.

    A route that hedges passes its own subclass on the call; this class does nothing.

    Attributes:
        until: When the first content must have arrived, or later targets get their turn; `None` means never.
        queues: False for a call that must not wait in front of its target: a hedge, for example.
        rescued: True if the call left a target because its shared circuit opened.
        last_target: True if the call is sent although a shared circuit is open: no other target is left.
        hedged: True once a hedge was sent to another target; the attempt is not retried then.
        lost: True once another target has answered, or the route has left this one: nothing more is sent.
        given_up: True once the caller has cancelled, if another task asks this target: nothing is sent.
        broken: The error that broke the previous stream; it is retried or raised like an attempt's error.
        silent: True while the attempt in flight has had no content for longer than its hang threshold.
        observers: Permits to notify of the silence and the first content of the attempt.
    """

    until: float | None = None
    queues: bool = True
    rescued: bool = False
    last_target: bool = False
    hedged: bool = False
    lost: bool = False
    given_up: bool = False
    broken: RanvierError | None = None
    silent: bool = False
    observers: tuple[Observer, ...] = ()

    @property
    def later(self) -> tuple[Deployment, ...]:
        """The targets that the call may still be sent to after this one."""
        return ()

    def sent(self, call: Call, attempt: Attempt, timer: Alarm, *, streamed: bool) -> None:
        """The request of `call` is sent; `timer` limits its waits. `streamed`: it will report `content`."""

    def alive(self, now: float) -> None:
        """The provider has sent something, but no content yet."""

    def content(self, now: float) -> bool:
        """The first content has arrived. False if the route does not want the answer any more."""
        return True

    def leave(self, after: float = 0.0) -> None:
        """Abandon the attempt in flight in `after` seconds if it has no content by then."""


UNWATCHED = Watch()  # shared by all calls whose route does not hedge


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """One call on its way down the stack. A layer does not change it: it passes on a changed copy.

    Attributes:
        request: The request.
        tenant: The tenant for whom it is made.
        start: The target to start at, as the caller passed it; `None` means the first of the route.
        streaming: True if the caller reads a stream.
        pipeline: The pipeline that handles it, with its clock, events and credentials.
        record: The record of attempts so far, shared by the copies that layers pass on.
        deadline: When the deadline of the whole call passes, on the pipeline's clock; `None` means never.
        limits: The limits of one attempt.
        deployment: The current target; the ROUTE layer sets it, and layers outside it must not read it.
        credential: The key to use at `deployment`, or `None`.
        tenants_key: True if that key is the tenant's own: the resolver returned it, not the provider.
        access: The tenant's own endpoint and headers at `deployment`; `None` if it has none.
        attempt: The number of the attempt at this deployment, from 1.
        delay: Seconds waited before this attempt.
        reason: The kind of the error that caused this attempt; `None` for the first of a call.
        circuit: The state of the circuit that has admitted the attempt; `None` without a circuit.
        probing: The permits to notify when the request waits or is sent, if the attempt is a probe.
        hedge: False never hedges; true does, even with tools that the provider runs; `None`: as the route.
        watch: What the route knows about the attempt in flight.
        permits: The permits of the attempt, in a stack that injects faults.
        purses: The limits on what the call may spend.
        held: The place that the call holds, such as one in a bulkhead; `None` if it holds none.
        on_limits: Receives the limits of the key that the provider reports; `None` if no layer uses them.
    """

    request: Request
    tenant: str
    pipeline: Runtime
    record: Record
    start: str | None = None
    streaming: bool = False
    deadline: float | None = None
    circuit: str | None = None
    limits: Limits = UNLIMITED
    hedge: bool | None = None
    deployment: Deployment = field(default=None, init=False)  # type: ignore[assignment]  # because ROUTE sets it
    credential: str | None = field(default=None, init=False)
    tenants_key: bool = field(default=False, init=False)
    access: Access | None = field(default=None, init=False)
    attempt: int = field(default=1, init=False)
    delay: float = field(default=0.0, init=False)
    reason: str | None = field(default=None, init=False)
    probing: tuple[Probing, ...] = field(default=(), init=False)
    watch: Watch = field(default=UNWATCHED, init=False)
    held: Held | None = field(default=None, init=False)
    permits: tuple[Injectable, ...] = field(default=(), init=False)
    purses: tuple[Spending, ...] = field(default=(), init=False)
    on_limits: OnLimits | None = field(default=None, init=False)

    def to(self, deployment: Deployment, credential: str | None = None, reason: str | None = None) -> Call:
        """The first attempt at `deployment`, with `credential`, because of a `reason` error."""
        call = _new(Call)  # a copy of every field by hand: any other way costs twice as much
        call.request = self.request
        call.tenant = self.tenant
        call.pipeline = self.pipeline
        call.record = self.record
        call.start = self.start
        call.streaming = self.streaming
        call.deadline = self.deadline
        call.limits = self.limits
        call.circuit = self.circuit
        call.hedge = self.hedge
        call.probing = self.probing
        call.watch = self.watch
        call.held = self.held
        call.permits = self.permits
        call.purses = self.purses
        call.on_limits = self.on_limits
        call.deployment = deployment
        call.credential = credential
        call.tenants_key = False
        call.access = None
        call.attempt = 1
        call.delay = 0.0
        call.reason = reason
        return call

    def again(self, delay: float = 0.0, reason: str | None = None) -> Call:
        """The next attempt at the same deployment, after `delay` seconds, because of a `reason` error."""
        call = self._copy()
        call.attempt = self.attempt + 1
        call.delay = delay
        call.reason = reason
        return call

    def until(self, deadline: float) -> Call:
        """The same call, with `deadline` unless its own is earlier."""
        call = self._copy()
        call.deadline = deadline if self.deadline is None else min(self.deadline, deadline)
        return call

    def within(self, limits: Limits) -> Call:
        """The same call, with `limits` for each attempt."""
        call = self._copy()
        call.limits = limits
        return call

    def admitted(self, circuit: str | None) -> Call:
        """The same call, admitted by a circuit in that state."""
        call = self._copy()
        call.circuit = circuit
        return call

    def probed_by(self, permit: Probing) -> Call:
        """The same call as a probe, which notifies `permit`."""
        call = self._copy()
        call.probing = (*self.probing, permit)
        return call

    def holding(self, held: Held, on_limits: OnLimits | None = None) -> Call:
        """The same call, holding `held`; `on_limits` receives the reported limits of its key."""
        call = self._copy()
        call.held = held
        call.on_limits = on_limits or self.on_limits
        return call

    def permitted_by(self, permit: Injectable) -> Call:
        """The same attempt, with one more permit."""
        call = self._copy()
        call.permits = (*self.permits, permit)
        return call

    def spending_from(self, purse: Spending) -> Call:
        """The same call, with one more limit on what it may spend."""
        call = self._copy()
        call.purses = (*self.purses, purse)
        return call

    def at(self, deployment: Deployment) -> Call:
        """The same attempt, at another form of its target."""
        call = self._copy()
        call.deployment = deployment
        return call

    def afresh(self) -> Call:
        """The same call with a new record, because a stream that is entered again is a separate call."""
        call = self._copy()
        call.record = type(self.record)(self.record.metadata)
        return call

    def asking(self, request: Request) -> Call:
        """The same attempt, with another request."""
        call = self._copy()
        call.request = request
        return call

    @property
    def estimated_cost(self) -> float | None:
        """The most it can cost, at four characters per token and without images; `None` if unknown."""
        price, limit = of_target(self.pipeline.prices, self.deployment.target), self.request.max_tokens
        if price is None or limit is None:
            return None
        return (estimated_characters_in(self.request) / 4 * price.input + limit * price.output) / 1_000_000

    def adjusted(self, changes: Iterable[tuple[str, str]]) -> None:
        """Emit a `RequestAdjusted` event for each `(parameter, description of its change)`."""
        events = self.pipeline.events
        if events.hears(RequestAdjusted):
            for parameter, change in changes:
                events.emit(RequestAdjusted(**self.where(), parameter=parameter, change=change), self.record)

    def where(self) -> dict[str, Any]:
        """The fields of this call that every event has: tenant, provider, model and metadata."""
        at, labels = self.deployment, self.record.metadata
        return {"tenant": self.tenant, "provider": at.provider.name, "model": at.model, "metadata": labels}

    def _copy(self) -> Call:
        call = self.to(self.deployment, self.credential, self.reason)
        call.tenants_key, call.access = self.tenants_key, self.access
        call.attempt, call.delay = self.attempt, self.delay
        return call

    def __repr__(self) -> str:
        where = self.deployment or self.start or "no target yet"
        return f"<Call of tenant {self.tenant!r} at {where}, attempt {self.attempt}>"
