"""Holds back calls with a key that the provider has just limited or rejected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import layer_remedies, validation
from ranvier.errors.provider import ProviderError
from ranvier.errors.rejected import RejectedError
from ranvier.errors.root import RanvierError
from ranvier.errors.scope import Scope, as_scope
from ranvier.layers.throttle.causes import closes, longest
from ranvier.layers.throttle.gate import Gate, Reason
from ranvier.layers.throttle.keys import Key, key_closed_by, keys_of
from ranvier.layers.throttle.registry import Gates
from ranvier.layers.throttle.rejection import announce_closed, rejection
from ranvier.layers.throttle.wait_queue import Ticket, WaitQueue
from ranvier.layers.throttle.waiting import due_at, turn_of, wait_at
from ranvier.pipeline.call import Call
from ranvier.pipeline.credentials import identity
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.estimate import takes_slot
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.waiting.held import RequeueError
from ranvier.pipeline.waiting.later import later_target_admits
from ranvier.pipeline.waiting.worth import may_queue, waiting_helps
from ranvier.pipeline.worst_case import WorstCase
from ranvier.wording import counted, target_name

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

Tickets = dict[Key, Ticket]
"""The gates that have admitted a call."""

MAX_WAITING = 10_000
"""The maximum number of calls that wait at one gate."""
MAX_SHOWN = 12
"""Gates that `print(pipeline)` lists."""


class Throttle(Layer):
    """Close a gate for a key that the provider limits or rejects, for all calls with that key.

    A rate limit or an overload with a `retry_after` closes the gate of that key for that model until
    then, for `max_closed` at most. A rejected key closes the gate of that key for all models of the provider
    for `auth_cooldown`, a key out of credit for `quota_cooldown`. The `scope` of the error says which. A
    call passes if both gates admit it. Tenants that share a key share its gates. After that time a gate
    admits one call as a probe, then two, four, and so on, until no call waits.

    Calls wait in fair order: the tenant that was served least is next, with the weights and priorities of a
    `Bulkhead` around this layer. At most 10,000 calls wait; beyond that, the newest call of the tenant with
    the most waiting calls is rejected.

    Args:
        max_wait: The longest time in seconds that a call waits at the gates of a target, in all attempts
            together. A call waits only if no later target would admit it now, and if its turn is expected in
            that time and before its deadline. Otherwise it falls back at once. With 0 no call waits.
        auth_cooldown: Seconds for which a key is not used after the provider rejected it.
        quota_cooldown: Seconds for which a key out of credit is not used; a longer `retry_after` applies.
        max_gates: The maximum number of gates to keep.
        max_closed: The longest time in seconds that a provider can close a gate (one hour if the account is
            out of credit); after that a probe is sent. It does not limit the two cooldowns.
        overrides: The settings for single targets, by `"provider/model"` or `"provider"`.

    Put it outside the breaker, so that no call waits while it occupies a probe. A call that is rejected
    raises `ThrottledError`, and no circuit counts it. No call waits for a rejected key.

    Attributes:
        gates: The registry of closed gates, with reasons, times and waiting calls; `gates.open` opens them.
    """

    place: ClassVar[Place] = Place.ADMIT
    watches = True

    @layer_remedies.suggested
    def __init__(
        self,
        max_wait: float = 10.0,
        auth_cooldown: float = 60.0,
        quota_cooldown: float = 300.0,
        max_gates: int = 10_000,
        max_closed: float = 300.0,
        *,
        overrides: Mapping[str, Self] | None = None,
    ) -> None:
        self.max_wait = validation.seconds("Throttle(max_wait)", max_wait)
        self.auth_cooldown = validation.seconds("Throttle(auth_cooldown)", auth_cooldown)
        self.quota_cooldown = validation.seconds("Throttle(quota_cooldown)", quota_cooldown)
        self.max_closed = validation.seconds("Throttle(max_closed)", max_closed)
        most = validation.count("Throttle(max_gates)", max_gates, least=1)
        self.gates = Gates(most, lambda: Gate(MAX_WAITING, self.max_wait / 4), partial(longest, self))
        self.override_with(overrides)

    def opened(self, pipeline: Runtime) -> None:
        """Move the closed times of the gates to the pipeline's event loop, if that is a new one."""
        self.gates.opened(pipeline)

    def take_over(self, before: Self) -> None:
        """Take over the gates and the waiting calls."""
        self.gates = before.gates.with_settings_of(self.gates)

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Pass the gate, if there is one; close, widen or release it by the result."""
        while True:
            gates = self.gates
            tickets = await self._enter(call) if gates.known or gates.elsewhere.unseen else {}
            try:
                answer = await inner(call)
            except RequeueError as error:
                self._learn(call, tickets, error)
                if error.by is not self:
                    raise
            except BaseException as error:
                self._learn(call, tickets, error)
                raise
            else:
                for ticket in tickets.values():
                    ticket.accepted()
                return answer

    # --- before the call -------------------------------------------------------------------------

    async def _enter(self, call: Call) -> Tickets:
        """Pass the gates of `call`, or wait until they admit it, if waiting helps."""
        tickets: Tickets = {}
        self.gates.elsewhere.learn(call)
        while (blocked := self._try_pass(call, tickets)) is not None:
            for ticket in tickets.values():
                ticket.leave()  # or it would keep a place at one gate while it waits at the other
            tickets.clear()
            queue = self.gates.known[blocked]
            admitted = await self._wait(call, queue)
            if admitted is None:
                raise rejection(call, self._blocking(call, queue).gate)
            tickets[blocked] = admitted
        return tickets

    def _try_pass(self, call: Call, tickets: Tickets) -> Key | None:
        """Add the tickets of the gates that admit `call` now; return the first gate that does not."""
        now = call.pipeline.clock()
        for key in keys_of(call.deployment, identity.account(call)):
            queue = self.gates.known.get(key)
            if queue is None or (key in tickets and now >= queue.gate.until):
                continue
            tickets.pop(key, None)  # otherwise it was closed again after it had admitted this call
            ticket = queue.try_pass(call)
            if ticket is None:
                return key
            tickets[key] = ticket
        return None

    async def _wait(self, call: Call, queue: WaitQueue) -> Ticket | None:
        """Wait at a gate; `None` if waiting does not help, or `call` is not admitted in time."""
        gate, now = queue.gate, call.pipeline.clock()
        if not gate.reason.passes or not may_queue(call):
            return None
        due, turn = due_at(call, self.settings_for(call.deployment).max_wait), turn_of(call)
        if now + gate.admits_in(call.tenant, turn.weight, now) >= due or not waiting_helps(call, due, self):
            return None
        return await wait_at(
            queue, call, turn, due, lambda: gate.until < due and waiting_helps(call, due, self)
        )

    def _blocking(self, call: Call, queue: WaitQueue) -> WaitQueue:
        """The gate that rejects `call`: the gate of its whole key if that is closed, otherwise `queue`."""
        whole = self.gates.known.get(keys_of(call.deployment, identity.account(call))[0])
        return queue if whole is None or whole.gate.until <= call.pipeline.clock() else whole

    def recheck(self, call: Call, since: float) -> None:
        """Send a call back to its gates if one was closed while the call waited for a connection."""
        for key in keys_of(call.deployment, identity.account(call)) if self.gates.known else ():
            queue = self.gates.known.get(key)
            if queue is not None and queue.gate.since >= since:
                raise RequeueError(self)  # not through a variable: the error references this frame

    # --- after the call --------------------------------------------------------------------------

    def _learn(self, call: Call, tickets: Tickets, error: BaseException) -> None:
        """Close a gate if the error says so, and settle the tickets."""
        scope = as_scope(getattr(error, "scope", None)) or Scope.REQUEST
        key = key_closed_by(scope, call.deployment, identity.account(call))
        closing = closes(error, self.settings_for(call.deployment), probed=key in tickets)
        if closing is not None and key is not None:
            self._close(call, key, *closing)
            if isinstance(error, RanvierError) and error.retryable and later_target_admits(call):
                error.retry_useless = True  # a retry would only wait for the gate
        # A provider that reports an invalid request or a limit has accepted the key.
        accepted = isinstance(error, ProviderError) and not (error.counts_against_provider or error.injected)
        for each, ticket in tickets.items():
            if closing is not None and each == key:
                continue  # closing has ended its round
            if accepted and scope is not Scope.KEY:
                ticket.accepted()
            else:
                ticket.leave(sent=not isinstance(error, RejectedError))

    def _close(self, call: Call, key: Key, reason: Reason, seconds: float) -> None:
        now = call.pipeline.clock()
        news = self.gates.close(key, reason, now + seconds, now)
        self.gates.elsewhere.closed(call, key, reason, seconds)
        if key[1] is None and not reason.passes:
            self._dismiss(call, key)
        if news:
            announce_closed(call, key, reason, seconds)

    def _dismiss(self, call: Call, key: Key) -> None:
        """End the waits for a key that was rejected, at the gates of all models of the stack."""
        targets = {each for layer in call.pipeline.layers for each in layer.deployments()}
        for each in [(key[0], target.model, key[2]) for target in targets]:
            if (queue := self.gates.known.get(each)) is not None:
                queue.dismiss(call.pipeline.clock())

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """Adds `max_wait`; no limit if a call may be sent back to wait for a connection again."""
        if deployment is None or takes_slot(deployment):
            return inner.later(math.inf)
        return inner.waiting(self.settings_for(deployment).max_wait)

    # --- reading ---------------------------------------------------------------------------------

    def admits_now(self, call: Call) -> bool:
        """True if the gates of `call` would admit it now."""
        return not self.key_closed_for(call.deployment, identity.account(call), call.pipeline.clock())

    def admits_in(self, call: Call) -> float:
        """Seconds until the gates of `call` would admit it; infinity if it cannot wait for that."""
        if not self.gates.known:
            return 0.0
        keys, now = keys_of(call.deployment, identity.account(call)), call.pipeline.clock()
        return math.inf if self.gates.bar(keys, now) else self.gates.opens_in(keys, now)

    def key_closed_for(self, deployment: Deployment, account: int, now: float) -> float:
        """Seconds until the gates would admit a call with this key, as far as known; 0 means now."""
        return self.gates.opens_in(keys_of(deployment, account), now) if self.gates.known else 0.0

    def status(self, now: float) -> Iterable[str]:
        """The number of closed gates, and the first `MAX_SHOWN`."""
        yield repr(self.gates)[1:-1]
        for gate in islice(self.gates, MAX_SHOWN):
            where = target_name(gate.provider, gate.model)
            when = f"closed for {gate.closed_for:.1f} s" if gate.closed_for else "a probe is in flight"
            yield f"  {where} key {gate.key}: {gate.reason}, {when}, {counted(gate.waiting, 'call')} waiting"

    def __repr__(self) -> str:
        return self._describe(
            max_wait=self.max_wait,
            auth_cooldown=self.auth_cooldown,
            quota_cooldown=self.quota_cooldown,
            max_closed=self.max_closed,
        )
