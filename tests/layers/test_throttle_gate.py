"""A gate and the queue at it, against a model of both in the plainest words."""

import math
from random import Random

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ranvier.layers.throttle.gate import PATIENCE, Gate, Reason
from ranvier.pipeline.queueing.tenants import Entry
from support.fair_order import AGEING, NAMES, WEIGHTS, Asked, Model

SECONDS = strategies.sampled_from([0.25, 0.5, 1.0, 2.0, 5.0, 60.0])
CAPACITY = 8


class GateModel:
    """A gate as its description has it: so many calls pass in each round, in fair order."""

    def __init__(self) -> None:
        self.closed_until = -math.inf
        self.hard = False
        self.order = Model(0, None, CAPACITY)  # those it has served passed in this round
        self.new_round(1)

    def new_round(self, width: int) -> None:
        self.width = width
        for call in list(self.order.served):
            self.order.settle(call, None)
        self.silent_until = math.inf

    def set_places(self, now: float) -> None:
        self.order.limit = self.width if now >= self.closed_until else 0

    def passes(self, now: float) -> None:
        self.silent_until = min(self.silent_until, now + PATIENCE)

    def hand_on(self, call: Asked, sent: bool) -> None:
        self.order.settle(call, None if sent else 0.0)
        if not self.order.served:
            self.silent_until = math.inf

    def advance(self, now: float) -> list[int]:
        if self.silent_until <= now:
            self.new_round(2 * self.width)
        self.set_places(now)
        admitted = self.order.advance(now)
        if admitted:
            self.passes(now)
        return admitted


class GateMachine(RuleBasedStateMachine):
    """Does the same to a gate and to its model, and compares them after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.gate: Gate[int] = Gate(CAPACITY, AGEING)
        self.model = GateModel()
        self.entries: dict[int, Entry[int]] = {}
        self.names = iter(range(10**9))

    def step(self) -> None:
        assert [entry.item for entry in self.gate.advance(self.now)] == self.model.advance(self.now)

    @rule(
        tenant=NAMES,
        number=strategies.integers(1, 6),
        priority=strategies.sampled_from([0, 0, 0, 1]),
        cost=strategies.sampled_from([1.0, 1.0, 4.0]),
        first=strategies.booleans(),
    )
    def arrive(self, tenant: str, number: int, priority: int, cost: float, first: bool) -> None:
        for call in [
            Asked(next(self.names), tenant, priority, cost, self.now, first=first) for _ in range(number)
        ]:
            self.model.set_places(self.now)
            entry = self.gate.try_pass(call.item, tenant, self.now)
            assert (entry is not None) == self.model.order.admits(tenant)
            if entry is not None:
                self.entries[call.item] = entry
                self.model.order.served.append(call)
                self.model.passes(self.now)
            elif self.gate.reason.passes:
                self.enqueue(call)
            self.step()

    def enqueue(self, call: Asked) -> None:
        self.entries[call.item], removed = self.gate.queue.wait(
            call.item,
            call.tenant,
            self.now,
            weight=WEIGHTS[call.tenant],
            priority=call.priority,
            cost=call.cost,
            first=call.first,
        )
        self.model.order.wait(call, None if removed is None else removed.item)

    @rule(seconds=SECONDS, reason=strategies.sampled_from(Reason))
    def refuse(self, seconds: float, reason: Reason) -> None:
        until = self.now + seconds
        if not reason.passes:
            self.model.hard = True
        elif until >= self.model.closed_until or self.now >= self.model.closed_until:
            self.model.hard = False
        self.model.closed_until = max(self.model.closed_until, until)
        self.model.new_round(1)
        dismissed = sorted(entry.item for entry in self.gate.close(reason, until, self.now))
        assert dismissed == (sorted(each.item for each in self.model.order.queue) if self.model.hard else [])
        if self.model.hard:
            self.model.order.queue.clear()
            self.model.order.forget()
        self.step()

    @rule(
        pick=strategies.randoms(use_true_random=False),
        word=strategies.sampled_from(["accepted", "failed", "not sent"]),
    )
    def hear(self, pick: Random, word: str) -> None:
        if not self.model.order.served:
            return
        call = pick.choice(self.model.order.served)
        entry = self.entries.pop(call.item)
        if word == "accepted":
            self.gate.accepted(entry, self.now)
            self.model.new_round(2 * self.model.width)
        else:
            self.gate.leave(entry, self.now, sent=word == "failed")
            self.model.hand_on(call, word == "failed")
        self.gate.accepted(entry, self.now)  # only the first result counts
        self.gate.leave(entry, self.now)
        self.step()

    @rule(pick=strategies.randoms(use_true_random=False))
    def give_up(self, pick: Random) -> None:
        if self.model.order.queue:
            call = pick.choice(self.model.order.queue)
            self.gate.leave(self.entries.pop(call.item), self.now)
            self.model.order.queue.remove(call)
            self.model.order.forget()
            self.step()

    @rule(word=strategies.sampled_from(["accepted", "leave"]))
    def hear_of_somebody_else(self, word: str) -> None:
        getattr(self.gate, word)(Entry(-1), self.now)
        self.step()

    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: float) -> None:
        when = self.gate.next_at(self.now)
        self.now += seconds
        if when is not None and when > self.now:
            assert self.gate.advance(self.now) == []  # nothing can have happened by then
        self.step()

    @rule()
    def operate(self) -> None:
        self.gate.reopen(self.now)
        self.model.closed_until = min(self.model.closed_until, self.now)
        self.model.new_round(2)
        self.step()

    @rule()
    def move_to_another_loop(self) -> None:
        self.gate.start_anew(0.0)
        self.model.new_round(self.model.width)
        self.model.order.queue.clear()
        self.model.order.forget()
        for entry in self.entries.values():  # what ends later on the old loop changes nothing
            self.gate.accepted(entry, self.now)
            self.gate.leave(entry, self.now)
        self.entries.clear()
        self.step()

    @invariant()
    def agree(self) -> None:
        order = self.model.order
        assert self.gate.waiting == len(order.queue) <= CAPACITY
        assert self.gate.open == (self.model.width > 1 and not order.queue)
        assert self.gate.idle == (not order.served and not order.queue)
        assert (self.gate.next_at(self.now) is None) == (not order.queue)
        assert self.gate.next_at(self.now) is None or self.gate.next_at(self.now) > self.now
        assert self.gate.reason.passes != self.model.hard
        assert {name for name, _, _ in self.gate.queue} == set(order.turns)

    @invariant()
    def keep_no_place_free(self) -> None:
        """Nobody waits at a gate that would let one more pass."""
        free = self.now >= self.model.closed_until and len(self.model.order.served) < self.model.width
        assert not (free and self.gate.waiting)

    @invariant()
    def say_when_it_opens(self) -> None:
        wait = self.gate.opens_in(self.now)
        free = len(self.model.order.served) < self.model.width and not self.model.order.queue
        assert (wait == 0) == (self.now >= self.model.closed_until and free)
        assert wait <= max(self.model.closed_until - self.now, PATIENCE)

    def teardown(self) -> None:
        while (when := self.gate.next_at(self.now)) is not None:  # whoever waits passes, in time
            assert when < math.inf
            self.now = when
            self.step()
        assert self.gate.waiting == 0


GateMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
test_a_gate_does_what_its_description_says = GateMachine.TestCase


def closed(until: float = 2.0, reason: Reason = Reason.RATE_LIMIT) -> Gate[str]:
    gate: Gate[str] = Gate()
    gate.close(reason, until, 0.0)
    return gate


def waiting(gate: Gate[str], calls: str, tenant: str = "acme") -> list[Entry[str]]:
    return [gate.queue.wait(who, tenant, 0.0)[0] for who in calls]


def passing(gate: Gate[str], now: float) -> str:
    return "".join(entry.item for entry in gate.advance(now))


def test_after_its_time_one_passes_then_twice_as_many_in_their_order() -> None:
    """Each round follows on the first good word of the one before it."""
    gate = closed()
    calls = {entry.item: entry for entry in waiting(gate, "abcdefgh")}
    rounds = ["a", "bc", "defg", "h"]
    for number, expected in enumerate(rounds):
        assert passing(gate, 2.0 + number / 10) == expected
        gate.accepted(calls[expected[-1]], 2.0 + number / 10)
    assert gate.open


def test_the_tenants_pass_in_turn_through_all_rounds() -> None:
    """Whoever came with many calls waits behind the others' first ones, and keeps its own order."""
    gate = closed()
    calls = {entry.item: entry for entry in [*waiting(gate, "abcdefgh"), *waiting(gate, "xyz", "globex")]}
    order = ""
    while not gate.open:
        passed = passing(gate, 2.0)
        order += passed
        gate.accepted(calls[passed[0]], 2.0)
    assert order == "axbyczdefgh"


def test_silence_is_a_good_word_and_comes_from_the_oldest() -> None:
    """A call that is not refused within a second counts as accepted, though its answer takes longer."""
    gate = closed()
    waiting(gate, "abcd")
    assert passing(gate, 2.0) == "a"
    assert gate.next_at(2.0) == 2.0 + PATIENCE
    assert passing(gate, 2.9) == ""
    assert passing(gate, 3.0) == "bc"


def test_one_that_learns_nothing_hands_its_place_and_a_whole_second_on() -> None:
    """The next probe has as much time to be refused as the first had."""
    gate = closed()
    first, *_ = waiting(gate, "abc")
    assert passing(gate, 2.0) == "a"
    gate.leave(first, 2.0)
    assert passing(gate, 2.9) == "b"
    assert passing(gate, 3.8) == ""


def test_a_refused_key_is_waited_for_by_nobody() -> None:
    """Those who wait already are sent away, and after its time only a probe passes."""
    gate = closed()
    waiting(gate, "a")
    assert [entry.item for entry in gate.close(Reason.REJECTED, 60.0, 1.0)] == ["a"]
    assert gate.advance(1.0) == []
    assert gate.try_pass("b", "acme", 60.0)
    assert not gate.try_pass("c", "acme", 60.0)


def test_the_longest_time_counts_and_an_unheard_refusal_of_an_old_call_too() -> None:
    """A provider that says 60 to one and 2 to another is left alone for 60."""
    gate = closed(60.0)
    gate.close(Reason.OVERLOADED, 3.0, 1.0)
    assert (gate.reason, gate.until) == (Reason.RATE_LIMIT, 60.0)
    gate.close(Reason.OVERLOADED, 62.0, 1.5)
    assert (gate.reason, gate.until) == (Reason.OVERLOADED, 62.0)


@pytest.mark.parametrize(("sent", "order"), [(True, "xyzuA"), (False, "xyzAu")])
def test_a_call_that_was_not_sent_is_charged_a_quarter(sent: bool, order: str) -> None:
    """Its tenant hardly loses its turn by a place that it could not use."""
    gate = closed()
    entry, _ = gate.queue.wait("a", "acme", 0.0, cost=10.0)
    calls = {each.item: each for each in [*waiting(gate, "A"), *waiting(gate, "xyzu", "globex")]}
    assert passing(gate, 2.0) == "a"
    gate.leave(entry, 2.0, sent=sent)
    gate.close(Reason.RATE_LIMIT, 3.0, 2.0)
    passed = passing(gate, 3.0)
    while not gate.open:
        gate.accepted(calls[passed[-1]], 3.0)
        passed += passing(gate, 3.0)
    assert passed == order


class Overtaking:
    """Counts how often the first waiting call of each tenant is passed."""

    def __init__(self, gate: Gate[str], weights: dict[str, float]) -> None:
        self.gate, self.weights = gate, weights
        self.lines: dict[str, list[Entry[str]]] = {name: [] for name in weights}
        self.passed: dict[str, list[Entry[str]]] = {name: [] for name in weights}  # since it has this head
        self.places = dict.fromkeys(weights, 0)  # in flight at that time

    def heads(self, name: str) -> None:
        self.passed[name], self.places[name] = [], self.gate.queue.in_flight

    def waits(self, name: str, now: float) -> None:
        entry, _ = self.gate.queue.wait(name, name, now, weight=self.weights[name])
        self.lines[name].append(entry)
        if len(self.lines[name]) == 1:
            self.heads(name)

    def passes(self, entry: Entry[str]) -> None:
        assert self.lines[entry.item].pop(0) is entry
        self.heads(entry.item)
        for other, weight in self.weights.items():
            if self.lines[other] and other != entry.item:
                self.passed[other].append(entry)
                bound = sum(math.ceil(each / weight) for each in self.weights.values())
                assert len(self.passed[other]) <= bound + self.places[other]

    def was_not_sent(self, entry: Entry[str]) -> None:
        for calls in self.passed.values():
            if entry in calls:
                calls.remove(entry)


@pytest.mark.parametrize("seed", range(8))
def test_a_head_is_passed_a_bounded_number_of_times(seed: int) -> None:
    """By each other tenant ceil(weight ratio) times, and once more by each call then in flight.

    Whatever the provider answers, and however often the gate closes. A call that left without being sent
    has not passed anybody.
    """
    rng, gate = Random(seed), Gate[str](10**6)
    seen = Overtaking(gate, {name: rng.choice([0.5, 1.0, 2.0, 8.0]) for name in "abcdefgh"})
    gate.close(Reason.RATE_LIMIT, 1.0, 0.0)
    out: list[Entry[str]] = []
    for number in range(8000):
        now, name = number / 10, rng.choice("aaaabbcdefgh")
        if rng.random() < 0.5 and not gate.try_pass(name, name, now):
            seen.waits(name, now)
        elif out and rng.random() < 0.6:
            entry = out.pop(rng.randrange(len(out)))
            match rng.choice(["accepted", "accepted", "failed", "failed", "not sent", "not sent", "limited"]):
                case "accepted":
                    gate.accepted(entry, now)
                case "failed":
                    gate.leave(entry, now, sent=True)
                case "not sent":
                    gate.leave(entry, now)
                    seen.was_not_sent(entry)
                case "limited":
                    gate.close(Reason.RATE_LIMIT, now + 1.0, now)
        for entry in gate.advance(now):
            out.append(entry)
            seen.passes(entry)
