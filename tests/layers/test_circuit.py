"""The state machine of a circuit, against a model of it that was written from its description alone."""

from dataclasses import dataclass
from typing import Any

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ranvier import CircuitOpenError
from ranvier.pipeline import Outcome, Permit
from support.scenes import CircuitsByHand, at_once

LEASE = 7.0
JITTER = 0.5
"""What chance says every time: half of the greatest jitter."""


@dataclass
class Held:
    """A call in flight, as the model sees it."""

    epoch: int
    probing_until: float | None
    streaming: bool = False


class Model:
    """What the circuit should do, in the plainest words."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.rules = rules
        self.opened = 0
        self.held: dict[Permit, Held] = {}
        self.epoch = 0
        self.become("closed")
        self.opened_since_closed = 0

    def become(self, state: str) -> None:
        self.state, self.epoch = state, self.epoch + 1
        self.failed = self.succeeded = 0
        for held in self.held.values():
            held.probing_until = None
        if state == "closed":
            self.opened_since_closed = 0

    def open(self, now: float) -> None:
        longest = self.rules["max_cooldown"]
        cooldown = self.rules["cooldown"]
        for _ in range(self.opened_since_closed if longest else 0):
            cooldown = max(cooldown, min(2 * cooldown, longest))
        self.become("open")
        self.until = now + cooldown * (1 + 0.2 * JITTER)
        self.opened += 1
        self.opened_since_closed += 1

    def probes(self) -> list[Held]:
        return [held for held in self.held.values() if held.probing_until is not None]

    def admits(self, now: float) -> bool:
        if self.state == "open" and now >= self.until:
            self.become("half_open")
        if self.state == "half_open":
            if any(held.probing_until <= now for held in self.probes()):
                self.open(now)
            else:
                return len(self.probes()) < self.rules["max_probes"]
        return self.state == "closed"

    def admit(self, permit: Permit, now: float) -> None:
        self.held[permit] = Held(self.epoch, now + LEASE if self.state == "half_open" else None)

    def gives_up(self, held: Held, now: float) -> bool:
        until, held.probing_until = held.probing_until, None
        if until is not None and until <= now:
            self.open(now)
            return True
        return until is None

    def prove(self, permit: Permit, now: float) -> None:
        held = self.held[permit]
        if not self.gives_up(held, now):
            held.streaming = True
            self.count(True, now)

    def settle(self, permit: Permit, outcome: Outcome, now: float) -> None:
        held = self.held.pop(permit)
        self.gives_up(held, now)
        if held.streaming:
            if outcome is Outcome.FAILED:
                self.count(False, now)
        elif held.epoch == self.epoch and outcome is not Outcome.ABANDONED:
            self.count(outcome is Outcome.SUCCEEDED, now)

    def count(self, good: bool, now: float) -> None:
        if self.state == "closed":
            self.failed = 0 if good else self.failed + 1
            if self.failed == self.rules["failure_threshold"]:
                self.open(now)
        elif self.state == "half_open" and good:
            self.succeeded += 1
            if self.succeeded == self.rules["success_threshold"]:
                self.become("closed")
        elif self.state == "half_open":
            self.open(now)


class CircuitMachine(RuleBasedStateMachine):
    """Does the same to a circuit and to its model, and compares them after every step."""

    @initialize(
        failure_threshold=strategies.integers(1, 3),
        success_threshold=strategies.integers(1, 3),
        cooldown=strategies.sampled_from([0.0, 10.0]),
        max_cooldown=strategies.sampled_from([None, 1.0, 35.0]),
        max_probes=strategies.integers(1, 3),
    )
    def begin(self, **rules: Any) -> None:
        self.model = Model(rules)
        self.hand = CircuitsByHand(**rules)
        self.hand.breaker.rules.rng = lambda: JITTER
        self.hand.admit(lease=LEASE).settle(Outcome.ABANDONED)
        self.circuit = self.hand.circuits._circuits["acme", "only"]

    @rule(seconds=strategies.sampled_from([0.0, 1.0, LEASE, 40.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.hand.now += seconds

    @rule()
    def let_the_next_moment_come(self) -> None:
        moments = [held.probing_until for held in self.model.probes()]
        moments += [self.model.until] if self.model.state == "open" else []
        self.hand.now = max(self.hand.now, min(moments, default=0.0))

    @rule()
    def call(self) -> None:
        self.ask()

    def ask(self) -> Permit | None:
        expected = self.model.admits(self.hand.now)
        permit = refusal = None
        try:
            permit = self.hand.admit(lease=LEASE)
        except CircuitOpenError as error:
            refusal = error
        assert (permit is not None) == expected
        if permit is not None:
            self.model.admit(permit, self.hand.now)
            assert permit.circuit == self.model.state
        if refusal is not None:
            assert refusal.retry_after == self.circuit.retry_after(self.hand.now)
        return permit

    @rule(outcome=strategies.sampled_from(Outcome))
    def call_and_end(self, outcome: Outcome) -> None:
        permit = self.ask()
        if permit is not None:
            self.model.settle(permit, outcome, self.hand.now)
            permit.settle(outcome)

    @rule()
    def fail_until_it_opens(self) -> None:
        for _ in range(self.model.rules["failure_threshold"]):
            self.call_and_end(Outcome.FAILED)

    @rule(pick=strategies.randoms(use_true_random=False), outcome=strategies.sampled_from(Outcome))
    def end(self, pick: Any, outcome: Outcome) -> None:
        if self.model.held:
            permit = pick.choice(list(self.model.held))
            self.model.settle(permit, outcome, self.hand.now)
            permit.settle(outcome)
            permit.settle(Outcome.FAILED)  # once only

    @rule(pick=strategies.randoms(use_true_random=False))
    def begin_to_stream(self, pick: Any) -> None:
        if self.model.held:
            permit = pick.choice(list(self.model.held))
            self.model.prove(permit, self.hand.now)
            permit.proved()

    @rule(word=strategies.sampled_from(["wait", "wait", "wait", "isolate", "reset"]))
    def operate(self, word: str) -> None:
        if word == "isolate":
            self.model.become("isolated")
            at_once(self.hand.circuits.isolate("acme", "only"))
        elif word == "reset":
            self.model.become("closed")
            at_once(self.hand.circuits.reset("acme", "only"))

    @invariant()
    def they_agree(self) -> None:
        circuit, model = self.circuit, self.model
        assert self.hand.state() == circuit.state == model.state
        assert circuit.in_flight == len(model.held)
        assert circuit.total_opens == model.opened
        assert circuit.failures == model.failed or model.state != "closed"
        assert len(circuit._probes or ()) == len(model.probes())

    @invariant()
    def it_says_how_long_to_wait(self) -> None:
        wait, model = self.circuit.retry_after(self.hand.now), self.model
        if model.state == "open":
            assert wait == max(model.until - self.hand.now, 0)
        elif model.state == "half_open" and model.probes():
            assert wait == max(min(held.probing_until for held in model.probes()) - self.hand.now, 0)
        else:
            assert wait is None

    @invariant()
    def it_is_forgotten_only_when_it_is_idle(self) -> None:
        parked = ("acme", "only") in self.hand.circuits._idle.values()
        assert parked == (self.model.state == "closed" and not self.model.held)


TestCircuit = CircuitMachine.TestCase
TestCircuit.settings = settings(max_examples=250, stateful_step_count=50, deadline=None)
