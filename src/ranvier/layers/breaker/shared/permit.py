"""The permit of an attempt that has a vote in the shared circuits of its target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranvier.errors.provider import AttemptTimeoutError
from ranvier.errors.scope import Scope
from ranvier.layers.breaker.shared.other_workers import ask_all
from ranvier.pipeline.call import UNWATCHED
from ranvier.pipeline.guard import Permit
from ranvier.pipeline.outcome import ABANDONED, FAILED, SUCCEEDED, Outcome

if TYPE_CHECKING:
    from ranvier.layers.breaker.shared.followed_circuit import FollowedCircuit
    from ranvier.layers.breaker.shared.registry import SharedCircuitRegistry
    from ranvier.layers.breaker.shared.silences import Silence
    from ranvier.layers.breaker.shared.target import SharedTarget
    from ranvier.pipeline.call import Call

UNANSWERED, ANSWERED, SETTLED = range(3)

NO_FENCES = (0, 0)


class VotingPermit(Permit):
    """The permit of the tenant's own circuit, and the vote of its attempt on the target.

    Attributes:
        fences: The generations of the model's and of the endpoint's circuit that its success may close; 0
            means none.
    """

    __slots__ = (
        "_call",
        "_own",
        "_registry",
        "_silence",
        "_stage",
        "_target",
        "circuit",
        "fences",
        "probes",
    )
    observes = True

    def __init__(
        self, own: Permit, registry: SharedCircuitRegistry, target: SharedTarget, call: Call
    ) -> None:
        self._own = own
        self.circuit = own.circuit
        self.probes = own.probes
        self._registry = registry
        self._target = target
        self._call = call
        self._stage = UNANSWERED
        self._silence: Silence | None = None
        self.fences = NO_FENCES
        if call.watch is not UNWATCHED:
            target.waiting[self] = None

    # --- for the guard and the route -------------------------------------------------------------

    @property
    def refuses_now(self) -> bool:
        """True if the tenant's own circuit or a shared one would reject another attempt."""
        return self._own.refuses_now or self._registry.rejects(self._target, self._call)

    def waits(self, call: Call) -> None:
        """The request waits for a connection."""
        self._own.waits(call)

    def sent(self, call: Call) -> None:
        """The request is sent."""
        self._own.sent(call)
        for circuit in self._target.circuits:
            circuit.link.sent(self)

    @property
    def asks(self) -> bool:
        """True for a probe that other workers might also start."""
        circuits = self._target.circuits
        return any(each.link.governs and each.lease_of(self) is not None for each in circuits)

    async def granted(self) -> None:
        """Ask the other workers whether the probe may start."""
        fences = await ask_all(self, self._target, self._call)
        self.fences = fences if any(fences) else NO_FENCES

    def proved(self) -> None:
        """A stream has begun."""
        try:
            self._own.proved()
        finally:
            self.content()

    def injected(self, *, counted: bool) -> None:
        """A fault is injected: the attempt has no vote."""
        try:
            self._own.injected(counted=counted)
        finally:
            self._end(ABANDONED, None)

    def silent(self) -> None:
        """The attempt has passed its hang threshold: it counts as a failure unless content comes."""
        self._own.silent()
        if self._stage is UNANSWERED and self._silence is None:
            self._keep_silence(self._call.pipeline.clock())

    def content(self) -> None:
        """The first content: a vote for the model and for the endpoint."""
        self._own.content()
        if self._stage is not UNANSWERED:
            return
        self._stage = ANSWERED
        target, call = self._target, self._call
        if target.waiting:
            target.waiting.pop(self, None)
        if self._silence is not None:
            self._take_back()
        attempts, now = call.record.attempts, call.pipeline.clock()
        target.content(call.tenant, attempts[0].started if len(attempts) == 1 else self._sent_at(), now)
        if self.fences is not NO_FENCES:
            self._prove(target.model, now)
            self._prove(target.endpoint, now)

    def failed(self, error: BaseException) -> None:
        """Settle with `error`; its scope decides whether it votes on the model, the endpoint or neither."""
        outcome = Outcome.of(error)
        try:
            self._own.settle(outcome)
        finally:
            self._end(outcome, error)

    def settle(self, outcome: Outcome) -> None:
        """Settle without an error, or after the attempt's first content."""
        try:
            self._own.settle(outcome)
        finally:
            if outcome is SUCCEEDED:
                if self._stage is UNANSWERED:
                    self.content()
                if self.fences is NO_FENCES:
                    self._stage = SETTLED
            if self._stage is not SETTLED:
                self._end(outcome, None)

    def rescue(self, after: float) -> None:
        """Move the call to its next target: a shared circuit opened. Not if its success may close it."""
        if self.fences is NO_FENCES:
            self._call.watch.leave(after)

    # --- the vote --------------------------------------------------------------------------------

    def _end(self, outcome: Outcome, error: BaseException | None) -> None:
        if self._stage is SETTLED:
            return
        answered, self._stage = self._stage is ANSWERED, SETTLED
        now = self._call.pipeline.clock()
        self._target.waiting.pop(self, None)
        if answered and outcome is FAILED and self._target.model.counts(self._sent_at()):
            self._registry.opened(self._call, self._target.broke(self._voter, now))
        elif error is not None and not answered:
            self._blame(error, outcome, now)
        if self._silence is not None:
            self._target.model.votes.end(self._silence, now)
        if self.fences is not NO_FENCES:
            self._registry.left(self, self._target, self._call, disproved=outcome is FAILED)

    def _blame(self, error: BaseException, outcome: Outcome, now: float) -> None:
        """Vote by what the error is about."""
        target, scope = self._target, getattr(error, "scope", None)
        if scope is Scope.ENDPOINT and outcome is FAILED:
            if isinstance(error, AttemptTimeoutError):
                self._take_back()  # no connection was made: that silence was not the model's
            self._fail(target.endpoint, now)
            return
        if scope is Scope.MODEL and outcome is FAILED:
            if isinstance(error, AttemptTimeoutError):
                if self._silence is None:
                    self._keep_silence(now)
                return
            self._take_back()
            self._fail(target.model, now)
        if isinstance(getattr(error, "status", None), int):
            self._take_back()
            target.answered(self._voter, self._sent_at(), now)
            self._prove(target.endpoint, now)

    def _fail(self, circuit: FollowedCircuit, now: float) -> None:
        if circuit.counts(self._sent_at()):
            self._registry.opened(self._call, self._target.failed(circuit, self._voter, now))

    def _keep_silence(self, now: float) -> None:
        target, sent = self._target, self._sent_at()
        if target.model.counts(sent):
            self._silence = target.silent(self._voter, sent, now)
        if self._silence is not None and target.model.opens(now):
            self._registry.opened(self._call, target.model)

    def _take_back(self) -> None:
        if self._silence is not None:
            self._target.model.votes.retract(self._silence)
            self._silence = None

    @property
    def _voter(self) -> str:
        return self._call.tenant

    def _sent_at(self) -> float:
        """When the request was sent: the start of the latest attempt at the target, including hedges."""
        last = self._call.record.last_at(self._call.deployment.target)
        return -math.inf if last is None else last.started

    def _prove(self, circuit: FollowedCircuit, now: float) -> None:
        fence = self.fences[circuit is self._target.endpoint]
        if fence:
            self._registry.prove(self, self._call, circuit, fence, now)
