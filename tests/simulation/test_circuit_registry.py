"""The registry of circuits, and each circuit in it, against the model that the simulation goes by."""

from types import SimpleNamespace
from typing import Any

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ranvier import CircuitOpenError
from ranvier.pipeline import Outcome, Permit
from simulation.circuits import REMEMBERED, Circuits, Rules, Ticket
from support.scenes import CircuitsByHand, at_once

LEASE = 7.0
CHANCE = 0.5
STORY: Any = SimpleNamespace(exchanges=[])
"""The model only asks how many requests a call has made."""

TENANTS = strategies.sampled_from([f"tenant-{number}" for number in range(6)])
OUTCOMES = strategies.sampled_from(Outcome)


class RegistryMachine(RuleBasedStateMachine):
    """Does the same to a breaker with little room and to the model, and compares them after every step."""

    @initialize(
        failure_threshold=strategies.integers(1, 2),
        success_threshold=strategies.integers(1, 2),
        cooldown=strategies.sampled_from([0.0, 10.0]),
        max_probes=strategies.integers(1, 2),
        most=strategies.integers(1, 4),
    )
    def begin(self, most: int, **settings: Any) -> None:
        self.hand = CircuitsByHand(max_circuits=most, **settings)
        self.hand.breaker.rules.rng = lambda: CHANCE
        self.rules = Rules(max_cooldown=None, lease=LEASE, chance=CHANCE, **settings)
        self.model = Circuits(most)
        self.held: list[tuple[str, Permit, Ticket]] = []

    @rule(seconds=strategies.sampled_from([1.0, LEASE, 12.0, REMEMBERED / 2, REMEMBERED + 12.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.hand.now += seconds

    @rule(tenant=TENANTS)
    def call(self, tenant: str) -> None:
        self.ask(tenant)

    def ask(self, tenant: str) -> bool:
        ticket = self.model.admit(STORY, (tenant, "only"), self.rules, self.hand.now)
        try:
            permit = self.hand.admit(tenant, lease=LEASE)
        except CircuitOpenError:
            assert ticket is None
            return False
        assert ticket is not None
        assert permit.circuit == ticket.state
        self.held.append((tenant, permit, ticket))
        return True

    @rule(tenant=TENANTS, outcome=OUTCOMES, times=strategies.integers(1, 3))
    def call_and_end(self, tenant: str, outcome: Outcome, times: int) -> None:
        for _ in range(times):
            if self.ask(tenant):
                self.settle(*self.held.pop(), outcome)

    @rule(pick=strategies.randoms(use_true_random=False), outcome=OUTCOMES)
    def end(self, pick: Any, outcome: Outcome) -> None:
        if self.held:
            self.settle(*self.held.pop(pick.randrange(len(self.held))), outcome)

    def settle(self, tenant: str, permit: Permit, ticket: Ticket, outcome: Outcome) -> None:
        self.model.settle(ticket, outcome.value, self.hand.now)
        permit.settle(outcome)

    @rule(pick=strategies.randoms(use_true_random=False))
    def begin_to_stream(self, pick: Any) -> None:
        if self.held:
            _, permit, ticket = pick.choice(self.held)
            self.model.prove(ticket, self.hand.now)
            permit.proved()

    @rule(tenant=TENANTS, word=strategies.sampled_from(["wait", "wait", "isolate", "reset"]))
    def operate(self, tenant: str, word: str) -> None:
        key = tenant, "only"
        if word == "isolate" and key in self.model.known:
            self.model.operate(key, "isolated")
            at_once(self.hand.circuits.isolate(*key))
        elif word == "reset" and key in self.model.known:
            self.model.operate(key, "closed")
            at_once(self.hand.circuits.reset(*key))

    @invariant()
    def they_agree(self) -> None:
        seen = dict(self.hand.circuits)
        assert seen.keys() == self.model.known.keys()
        for key, circuit in self.model.known.items():
            found = seen[key]
            assert (found.state, found.in_flight) == (circuit.state, len(circuit.held))
            assert found.total_opens == circuit.total
            assert found.failures == circuit.failed or circuit.state != "closed"


TestRegistry = RegistryMachine.TestCase
TestRegistry.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
