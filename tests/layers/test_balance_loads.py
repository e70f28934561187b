"""What a balance knows about its targets, against a model of it in the plainest words; and its hashing."""

import math
import os
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ranvier.layers.fallback.balance.hashing import distance, number_of, turn_of
from ranvier.layers.fallback.balance.load import InFlight
from ranvier.layers.fallback.balance.loads import Loads

NAMES = ("a/x", "b/y", "c/z")
NUMBERS = strategies.integers(0, len(NAMES) - 1)
TENANTS = strategies.sampled_from("ab")
SECONDS = strategies.sampled_from([0.0, 0.2, 1.0, 5.0, 30.0, 500.0])


@dataclass
class Known:
    """One target, as the model knows it: everything that happened there."""

    weight: float
    average: float | None = None
    sampled: float = -math.inf
    sent: list[InFlight] = field(default_factory=list)
    rejections: list[float] = field(default_factory=list)  # since its last content
    rejected: set[str] = field(default_factory=set)  # tenants, since it was last well
    back: float = -math.inf
    turn: float = 0.0
    chosen: int = 0

    def is_down(self) -> bool:
        return len(self.rejections) > 1 and self.rejections[-1] - self.rejections[0] >= 5

    def share(self, now: float) -> float:
        return 0.0 if self.is_down() else min(1.0, (now - self.back) / 20)


class LoadsMachine(RuleBasedStateMachine):
    """Calls begin, answer, fail and are rejected; time passes; the event loop is replaced."""

    by = "load"

    @initialize(weights=strategies.lists(strategies.sampled_from([0.5, 1.0, 4.0]), min_size=3, max_size=3))
    def begin(self, weights: list[float]) -> None:
        self.now = 100.0
        self.number, self.turn = 0, 0.0
        self.loads = Loads(NAMES, weights, self.by)
        usual = statistics.mean(weights)
        self.known = [Known(weight / usual) for weight in weights]

    # --- the model -------------------------------------------------------------------------------

    def average(self, which: int) -> float | None:
        mine, others = self.known[which], [each for each in self.known if each is not self.known[which]]
        averages = sorted(each.average for each in others if each.average is not None)
        if not averages:
            return mine.average
        usual = averages[(len(averages) - 1) // 2]
        if mine.average is None:
            return usual
        return usual + (mine.average - usual) * self.freshness(which)

    def freshness(self, which: int) -> float:
        age = max(each.sampled for each in self.known) - self.known[which].sampled
        return 1.0 if age < 1 else 0.5 ** (age / 60)

    def score(self, which: int) -> float:
        mine, average = self.known[which], self.average(which)
        calls = 1.0 if self.by == "latency" else 1 + len(mine.sent) / mine.weight
        return calls if average is None or self.by == "least_busy" else calls * max(average, 0.001)

    def lighter(self, first: int, second: int) -> int:
        light, heavy = sorted((first, second), key=self.score)
        if self.score(heavy) > 1.25 * self.score(light):
            return light
        return second if self.known[second].turn < self.known[first].turn else first

    def sample(self, which: int, seconds: float) -> None:
        mine, seconds = self.known[which], min(seconds, 120.0)
        before = self.average(which)
        if mine.average is None or before is None:
            mine.average = seconds
        else:
            mine.average = before + max(0.1, 1 - self.freshness(which)) * (seconds - before)
        mine.sampled = self.now

    def is_overdue(self, which: int) -> bool:
        mine = self.known[which]
        passed = self.number - mine.chosen
        return not mine.sent and passed >= max(30, 3 * len(NAMES) / mine.weight)

    # --- what happens ----------------------------------------------------------------------------

    @rule(which=NUMBERS)
    def send(self, which: int) -> None:
        in_flight = self.loads.loads[which].in_flight
        in_flight.number += 1
        self.known[which].sent.append(in_flight)

    @rule(which=NUMBERS)
    def end(self, which: int) -> None:
        if self.known[which].sent:
            self.known[which].sent.pop().number -= 1

    @rule(which=NUMBERS, seconds=SECONDS)
    def answer(self, which: int, seconds: float) -> None:
        mine = self.known[which]
        if mine.is_down():
            mine.back, mine.average = self.now, None
        mine.rejections.clear()
        self.loads.loads[which].answers(self.now)
        self.sample(which, seconds)
        self.loads.sample(self.loads.loads[which], seconds, self.now)

    @rule(which=NUMBERS)
    def fail(self, which: int) -> None:
        self.sample(which, 120.0)
        self.loads.sample(self.loads.loads[which], self.loads.loads[which].longest, self.now)

    @rule(which=NUMBERS, seconds=SECONDS)
    def leave(self, which: int, seconds: float) -> None:
        """Silence counts only if it is longer than usual."""
        average = self.average(which)
        if average is not None and seconds > average:
            self.sample(which, seconds)
        self.loads.waited(self.loads.loads[which], seconds, self.now)

    @rule(which=NUMBERS, tenant=TENANTS)
    def reject(self, which: int, tenant: str) -> None:
        mine = self.known[which]
        if not mine.sent:
            if not mine.rejections and mine.share(self.now) == 1:
                mine.rejected.clear()
            mine.rejections.append(self.now)
            mine.rejected.add(tenant)
        self.loads.loads[which].rejects(tenant, self.now)

    @rule(number=strategies.sampled_from([1, 1, 1, 40]))
    def choose(self, number: int) -> None:
        for _ in range(number):
            drawn = self.loads.drawn(self.loads.loads)
            assert set(drawn) == set(self.loads.loads)
            first, second = (self.loads.loads.index(each) for each in drawn[:2])
            if any(map(self.is_overdue, range(len(NAMES)))):
                assert self.is_overdue(first)
                right = first
            else:
                right = self.lighter(first, second)
            chosen = self.loads.lighter(drawn[0], drawn[1])
            assert chosen is self.loads.loads[right]
            self.number += 1
            mine = self.known[right]
            mine.chosen = self.number
            self.turn = max(self.turn, mine.turn)
            mine.turn = self.turn + 1 / mine.weight
            self.loads.chosen(chosen)

    @rule(seconds=strategies.sampled_from([0.5, 2.0, 5.0, 10.0, 100.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=strategies.sampled_from([-50.0, 1000.0]))
    def change_loop(self, seconds: float) -> None:
        """What was in flight is gone; it may still end, and changes nothing then."""
        gone = [each for known in self.known for each in known.sent]
        self.loads.shift(seconds)
        self.now += seconds
        for known in self.known:
            known.sent.clear()
            known.sampled += seconds
            known.back += seconds
            known.rejections = [each + seconds for each in known.rejections]
        for each in gone:
            each.number -= 1

    @invariant()
    def agree(self) -> None:
        for which, load in enumerate(self.loads.loads):
            assert load.in_flight.number == len(self.known[which].sent)
            assert load.share(self.now) == pytest.approx(self.known[which].share(self.now))
            assert {name for name in "ab" if load.concerns(name)} == self.known[which].rejected
            assert self.loads.average(load) == pytest.approx(self.average(which))
            assert self.loads.score(load) == pytest.approx(self.score(which))
            assert self.loads.overdue(load) == self.is_overdue(which)


class BusyMachine(LoadsMachine):
    """By calls in flight alone."""

    by = "least_busy"


class LatencyMachine(LoadsMachine):
    """By the time to the first content alone."""

    by = "latency"


TestLoads = LoadsMachine.TestCase
TestLeastBusy = BusyMachine.TestCase
TestLatency = LatencyMachine.TestCase
TestLoads.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestLeastBusy.settings = TestLatency.settings = settings(TestLoads.settings, max_examples=30)


# --- choosing ------------------------------------------------------------------------------------


def shares(loads: Loads, calls: int = 20_000) -> list[float]:
    """How often each target is chosen, if nothing else happens."""
    chosen: Counter[str] = Counter()
    for _ in range(calls):
        load = loads.lighter(*loads.drawn(loads.loads)[:2])
        loads.chosen(load)
        chosen[load.name] += 1
    return [chosen[load.name] / calls for load in loads.loads]


@pytest.mark.parametrize("weights", [(1, 1, 1), (3, 1, 1), (1, 2, 7), (0.01, 1, 1)])
def test_idle_targets_are_chosen_by_their_weights(weights: tuple[float, ...]) -> None:
    """Also a target of a very small weight is chosen no more often."""
    for share, weight in zip(shares(Loads(NAMES, weights, "load")), weights, strict=True):
        assert share == pytest.approx(weight / sum(weights), rel=0.08, abs=0.002)


def test_a_target_that_always_loses_is_chosen_now_and_then() -> None:
    """Its average would never be refreshed."""
    loads = Loads(NAMES, (1, 1, 1), "latency")
    for load, seconds in zip(loads.loads, (0.5, 0.5, 1.5), strict=True):
        loads.sample(load, seconds, 0.0)
    assert shares(loads)[2] >= 0.03


def test_a_busy_target_is_not_chosen_for_being_overdue() -> None:
    """What is in flight there will refresh its average."""
    loads = Loads(NAMES, (1, 1, 1), "latency")
    for load, seconds in zip(loads.loads, (0.5, 0.5, 1.5), strict=True):
        loads.sample(load, seconds, 0.0)
    loads.loads[2].in_flight.number = 1
    assert shares(loads)[2] == 0


def test_averages_do_not_change_while_nobody_is_sampled() -> None:
    """A pause is no news: a slow target does not look fast after it, nor a fast one slow."""
    loads = Loads(NAMES[:2], (1, 1), "load")
    fast, slow = loads.loads
    loads.sample(slow, 10.0, 0.0)
    loads.sample(fast, 0.5, 5.0)
    loads.sample(slow, 10.0, 5.5)
    for load, seconds in ((fast, 0.5), (slow, 10.0)):
        assert loads.average(load) == pytest.approx(seconds, rel=0.2)


# --- hashing -------------------------------------------------------------------------------------

TARGETS = [number_of(name) for name in NAMES]


def order(conversation: int, weights: tuple[float, ...] = (1, 1, 1)) -> list[int]:
    """The targets in the order of a conversation."""
    return sorted(range(len(weights)), key=lambda each: distance(conversation, TARGETS[each], weights[each]))


@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 1, 1), (0.1, 1, 10)])
def test_homes_follow_the_weights(weights: tuple[float, ...]) -> None:
    """And so do the targets to which conversations go without their home."""
    conversations = [number_of(f"conversation-{number}") for number in range(20_000)]
    homes = Counter(order(each, weights)[0] for each in conversations)
    seconds = Counter(order(each, weights)[1] for each in conversations if order(each, weights)[0] == 0)
    for each, weight in enumerate(weights):
        assert homes[each] / len(conversations) == pytest.approx(weight / sum(weights), rel=0.05, abs=0.003)
    share = weights[1] / (weights[1] + weights[2])
    assert seconds[1] / seconds.total() == pytest.approx(share, rel=0.1, abs=0.05)


def test_conversations_return_evenly() -> None:
    """Which one returns when has nothing to do with where it lives."""
    conversations = [number_of(str(number)) for number in range(10_000)]
    mine = [each for each in conversations if order(each)[0] == 1]
    turns = sorted(turn_of(each, TARGETS[1]) for each in mine)
    assert turns[0] >= 0
    assert turns[-1] <= 1
    assert turns[len(turns) // 2] == pytest.approx(0.5, abs=0.03)


def test_every_process_finds_the_same_home() -> None:
    """Python's own hash of a text is different in each."""
    code = (
        "from ranvier.layers.fallback.balance.hashing import *\n"
        "print([number_of(each) for each in ('a/x', 'é', '\\ud800')], distance(7, number_of('a/x'), 2.0))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {
        f"{[number_of(each) for each in ('a/x', 'é', chr(0xD800))]} {distance(7, TARGETS[0], 2.0)}\n"
    }
