"""The state machine of a gate, against a model of it in the plainest words."""

import math
from typing import Any

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ranvier.layers.throttle.gate import PATIENCE, SLACK, Gate, Reason

SECONDS = strategies.sampled_from([0.25, 0.5, 1.0, 2.0, 5.0, 60.0])


class Model:
    """A gate as its description has it. `told` collects who was told what."""

    def __init__(self) -> None:
        self.closed_until = -math.inf
        self.hard = False
        self.width = self.free = 1
        self.out: list[int] = []  # passed in this round, not yet heard of
        self.silent_until = math.inf
        self.queue: list[tuple[int, float]] = []

    def new_round(self, width: int) -> None:
        self.width = self.free = width
        self.out, self.silent_until = [], math.inf

    def let_in(self, who: int, now: float) -> None:
        self.free -= 1
        self.out.append(who)
        self.silent_until = min(self.silent_until, now + PATIENCE)

    def give_back(self, who: int) -> None:
        self.out.remove(who)
        self.free += 1
        if not self.out:
            self.silent_until = math.inf

    def advance(self, now: float) -> list[tuple[int, bool]]:
        if self.silent_until <= now:
            self.new_round(2 * self.width)
        told = [(who, False) for who, due in sorted(self.queue, key=lambda each: each[1]) if due <= now]
        self.queue = [(who, due) for who, due in self.queue if due > now]
        while self.queue and self.free and now >= self.closed_until:
            who, _ = self.queue.pop(0)
            self.let_in(who, now)
            told.append((who, True))
        if self.hard and self.width == 1:
            told += [(who, False) for who, _ in self.queue]
            self.queue = []
        return told


class GateMachine(RuleBasedStateMachine):
    """Does the same to a gate and to its model, and compares them after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.gate: Gate[int] = Gate()
        self.model = Model()
        self.names = iter(range(10**9))

    def step(self) -> None:
        assert self.gate.advance(self.now) == self.model.advance(self.now)

    @rule(patience=SECONDS, number=strategies.integers(1, 6))
    def arrive(self, patience: float, number: int) -> None:
        for who in [next(self.names) for _ in range(number)]:
            free = self.now >= self.model.closed_until and self.model.free and not self.model.queue
            assert self.gate.try_pass(who, self.now) == bool(free)
            if free:
                self.model.let_in(who, self.now)
            elif self.gate.reason.passes:
                self.gate.wait(who, self.now + patience)
                self.model.queue.append((who, self.now + patience))
            self.step()

    @rule(seconds=SECONDS, reason=strategies.sampled_from(Reason))
    def refuse(self, seconds: float, reason: Reason) -> None:
        until = self.now + seconds
        if not reason.passes:
            self.model.hard = True
        elif until >= self.model.closed_until or self.now >= self.model.closed_until:
            self.model.hard = False
        self.model.closed_until = max(self.model.closed_until, until)
        self.model.new_round(1)
        self.gate.close(reason, until, self.now)
        self.step()

    @rule(pick=strategies.randoms(use_true_random=False), word=strategies.sampled_from(["accepted", "leave"]))
    def hear(self, pick: Any, word: str) -> None:
        if self.model.out:
            who = pick.choice(self.model.out)
            getattr(self.gate, word)(who)
            if word == "accepted":
                self.model.new_round(2 * self.model.width)
            else:
                self.model.give_back(who)
            self.step()

    @rule(pick=strategies.randoms(use_true_random=False))
    def give_up(self, pick: Any) -> None:
        if self.model.queue:
            gone = pick.choice(self.model.queue)
            self.model.queue.remove(gone)
            self.gate.leave(gone[0])
            self.step()

    @rule(word=strategies.sampled_from(["accepted", "leave"]))
    def hear_of_somebody_else(self, word: str) -> None:
        getattr(self.gate, word)(-1)
        self.step()

    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: float) -> None:
        when = self.gate.next_at(self.now)
        if when is not None and when > self.now + seconds:
            self.now += seconds  # nothing can have happened by then, and so the gate tells nothing
            assert self.gate.advance(self.now) == []
        else:
            self.now += seconds
        self.step()

    @rule()
    def operate(self) -> None:
        self.gate.reopen(self.now)
        self.model.closed_until = min(self.model.closed_until, self.now)
        self.model.new_round(2)
        self.step()

    @invariant()
    def agree(self) -> None:
        assert self.gate.waiting == len(self.model.queue)
        assert self.gate.open == (self.model.width > 1 and not self.model.queue)
        assert self.gate.idle == (not self.model.out and not self.model.queue)
        assert (self.gate.next_at(self.now) is None) == (not self.model.queue)
        assert self.gate.next_at(self.now) is None or self.gate.next_at(self.now) > self.now
        assert self.gate.reason.passes != self.model.hard

    @invariant()
    def say_when_it_opens(self) -> None:
        wait = self.gate.opens_in(self.now)
        assert (wait == 0) == (
            self.now >= self.model.closed_until and bool(self.model.free) and not self.model.queue
        )
        assert wait <= max(self.model.closed_until - self.now, PATIENCE)

    def teardown(self) -> None:
        while (when := self.gate.next_at(self.now)) is not None:  # whoever waits is told, in time
            assert when <= max(due for _, due in self.model.queue)
            self.now = when
            self.step()
        assert self.gate.waiting == 0


GateMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
test_a_gate_does_what_its_description_says = GateMachine.TestCase


def closed(until: float = 2.0, reason: Reason = Reason.RATE_LIMIT) -> Gate[str]:
    gate: Gate[str] = Gate()
    gate.close(reason, until, 0.0)
    return gate


def test_after_its_time_one_passes_then_twice_as_many_in_their_order() -> None:
    """Each round follows on the first good word of the one before it."""
    gate = closed()
    for who in "abcdefgh":
        gate.wait(who, 10.0)
    rounds = ["a", "bc", "defg", "h"]
    for number, expected in enumerate(rounds):
        assert gate.advance(2.0 + number / 10) == [(who, True) for who in expected]
        gate.accepted(expected[-1])
    assert gate.open


def test_silence_is_a_good_word_and_comes_from_the_oldest() -> None:
    """A call that is not refused within a second counts as accepted, though its answer takes longer."""
    gate = closed()
    for who in "abcd":
        gate.wait(who, 10.0)
    assert gate.advance(2.0) == [("a", True)]
    assert gate.next_at(2.0) == 2.0 + PATIENCE
    assert gate.advance(2.9) == []
    assert gate.advance(3.0) == [("b", True), ("c", True)]


def test_one_that_learns_nothing_hands_its_place_and_a_whole_second_on() -> None:
    """The next probe has as much time to be refused as the first had."""
    gate = closed()
    for who in "abc":
        gate.wait(who, 10.0)
    assert gate.advance(2.0) == [("a", True)]
    gate.leave("a")
    assert gate.advance(2.9) == [("b", True)]
    assert gate.advance(3.8) == []


def test_a_refused_key_is_waited_for_by_nobody() -> None:
    """Those who wait already are sent away, and after its time only a probe passes."""
    gate = closed()
    gate.wait("a", 10.0)
    gate.close(Reason.REJECTED, 60.0, 1.0)
    assert gate.advance(1.0) == [("a", False)]
    assert (gate.try_pass("b", 60.0), gate.try_pass("c", 60.0)) == (True, False)


def test_the_longest_time_counts_and_an_unheard_refusal_of_an_old_call_too() -> None:
    """A provider that says 60 to one and 2 to another is left alone for 60."""
    gate = closed(60.0)
    gate.close(Reason.OVERLOADED, 3.0, 1.0)
    assert (gate.reason, gate.until) == (Reason.RATE_LIMIT, 60.0)
    gate.close(Reason.OVERLOADED, 62.0, 1.5)
    assert (gate.reason, gate.until) == (Reason.OVERLOADED, 62.0)


@pytest.mark.parametrize("number", [10 * SLACK])
def test_whoever_has_left_is_not_remembered(number: int) -> None:
    """A crowd that comes and goes while the gate is closed leaves nothing of its size behind."""
    gate: Gate[int] = Gate()
    gate.close(Reason.RATE_LIMIT, 1000.0, 0.0)
    for who in range(number):
        gate.wait(who, 1000.0 + who)
        gate.leave(who)
    assert len(gate._moments) <= SLACK + 1
