"""The engine of the adaptive limit, against a model of it in the plainest words; and its traps one by one."""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ranvier.layers.bulkhead.adaptive.found_limits import MAX_KEYS, FoundLimits, LearnedLimit
from ranvier.layers.bulkhead.adaptive.limit_finder import MEMORY, LimitFinder
from ranvier.layers.bulkhead.adaptive.slowness import LONG, SHORT, Slowness

LEAST, MOST = 2, 60


@dataclass
class Heard:
    """One answer or refusal."""

    ok: bool
    started: int
    now: int
    used: bool = True


def model(history: list[Heard], initial: int) -> list[int]:
    """The limit at first and after each answer: everything is worked out from the beginning."""
    limits = [initial]
    cuts, ceiling, tried, service = list[int](), None, initial, 0.0
    accepted_since_cut, grown = True, Fraction(0)
    for each in history:
        limit = limits[-1]
        new = not cuts or each.started > cuts[-1]
        if each.ok:
            seconds = each.now - each.started
            service = service + (seconds - service) / 8 if service else float(seconds)
            accepted_since_cut |= new
            if each.used and limit < MOST:
                if ceiling is not None and each.now - ceiling[1] > MEMORY * service:
                    ceiling = None
                grown += share(limit, None if ceiling is None else ceiling[0])
                if grown >= 1:
                    limit, grown = limit + 1, Fraction(0)
        elif new:
            tried = limit if accepted_since_cut else tried
            ceiling = max(limit, tried // 2), each.now
            limit, grown, accepted_since_cut = max(LEAST, limit * 3 // 4), Fraction(0), False
            cuts.append(each.now)
        limits.append(limit)
    return limits


def share(limit: int, ceiling: int | None) -> Fraction:
    """The part of a place by which one accepted answer lets the limit grow."""
    if ceiling is None or 10 * limit > 11 * ceiling:
        return Fraction(1, 4)
    if limit < ceiling - 2 and 10 * limit < 9 * ceiling:
        return Fraction(1, 4)
    return Fraction(1, max(75, limit)) if limit == ceiling - 1 else Fraction(1, 25)


class LimitMachine(RuleBasedStateMachine):
    """Requests begin, and are answered or refused in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.finder = LimitFinder(20, LEAST, MOST)
        self.now = 1
        self.running: list[int] = []
        self.history: list[Heard] = []
        self.limits = [20]
        self.cuts: list[tuple[int, int]] = []  # when the refused request began, and when it was refused

    @rule(number=strategies.integers(1, 30), seconds=strategies.sampled_from([0, 0, 1, 5]))
    def begin(self, number: int, seconds: int) -> None:
        self.now += seconds
        self.running += [self.now] * number

    @precondition(lambda self: self.running)
    @rule(
        share=strategies.floats(0, 1),
        number=strategies.sampled_from([1, 1, 5, 40, 100]),
        used=strategies.sampled_from([True, True, False]),
        seconds=strategies.sampled_from([0, 1, 2, 30]),
    )
    def accept(self, share: float, number: int, used: bool, seconds: int) -> None:
        self.now += seconds
        started = self.running.pop(int(share * (len(self.running) - 1)))
        for _ in range(number):
            before = self.finder.limit
            self.finder.accepted(started, self.now, used=used)
            self.tell(Heard(True, started, self.now, used))
            assert before <= self.finder.limit <= before + used

    @precondition(lambda self: self.running)
    @rule(share=strategies.floats(0, 1), number=strategies.sampled_from([1, 2, 20]))
    def refuse(self, share: float, number: int) -> None:
        self.now += 1
        for _ in range(min(number, len(self.running))):
            started = self.running.pop(int(share * (len(self.running) - 1)))
            before = self.finder.limit
            cut = self.finder.refused(started, self.now)
            self.tell(Heard(False, started, self.now))
            assert cut == (self.finder.limit < before)
            if cut:
                self.cuts.append((started, self.now))

    def tell(self, heard: Heard) -> None:
        self.history.append(heard)
        self.limits.append(self.finder.limit)

    def teardown(self) -> None:
        assert model(self.history, 20) == self.limits

    @invariant()
    def cuts_once_per_burst(self) -> None:
        assert LEAST <= self.finder.limit <= MOST
        for (_, cut), (started, _) in zip(self.cuts, self.cuts[1:], strict=False):
            assert started > cut


TestLimitFinder = LimitMachine.TestCase
TestLimitFinder.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def finder(limit: int = 20, **between: int) -> LimitFinder:
    return LimitFinder(limit, **{"least": 1, "most": 1000, **between})


def answer(finder: LimitFinder, number: int, now: float = 10.0, seconds: float = 1.0) -> int:
    for _ in range(number):
        finder.accepted(now - seconds, now, used=True)
    return finder.limit


def test_a_burst_cuts_once() -> None:
    """Of whatever size: what was sent before the cut does not count."""
    it = finder()
    assert [it.refused(1.0, 1.1 + each / 100) for each in range(19)] == [True, *[False] * 18]
    assert it.limit == 15
    assert it.refused(1.2, 1.3)
    assert it.limit == 11


def test_a_limit_that_nobody_uses_does_not_grow() -> None:
    """However many answers there are."""
    it = finder()
    for _ in range(500):
        it.accepted(1.0, 2.0, used=False)
    assert it.limit == 20


def test_it_grows_slowly_near_what_was_refused_and_fast_elsewhere() -> None:
    """Below 20, which was refused, from 18 on by 1/25; the step to 20 is the slowest; from 23 on 25 %."""
    it = finder()
    it.refused(1.0, 1.1)
    needed = {}
    while it.limit < 25:
        limit, number = it.limit, 0
        while it.limit == limit:
            answer(it, 1)
            number += 1
        needed[limit] = number
    assert needed == {15: 4, 16: 4, 17: 4, 18: 25, 19: 75, 20: 25, 21: 25, 22: 25, 23: 4, 24: 4}


@pytest.mark.parametrize("seconds", [0.5, 10.0])
def test_the_ceiling_is_remembered_in_service_times(seconds: float) -> None:
    """Of answers of 10 s twenty times as long as of those of half a second."""
    it = finder()
    it.refused(1.0, 1.1)
    answer(it, 12, now=1.1 + seconds, seconds=seconds)
    assert it.limit == 18
    answer(it, 24, now=1.1 + 99 * seconds, seconds=seconds)
    assert it.limit == 18
    answer(it, 4, now=1.2 + 101 * seconds, seconds=seconds)
    assert it.limit == 19
    assert it.ceiling is None


def test_while_everything_is_refused_the_way_back_stays_short() -> None:
    """A minute without any answer lowers the limit to 1, but is no ceiling of 1."""
    it = finder()
    for second in range(1, 60):
        it.refused(second, second + 0.1)
    assert (it.limit, it.ceiling) == (1, 10)
    assert answer(it, 28, now=100.0) == 8


def test_it_stays_between_least_and_most() -> None:
    """A cut at the least changes nothing, and neither does an answer at the most."""
    it = finder(20, least=18, most=20)
    assert it.refused(1.0, 1.1)
    assert it.limit == 18
    assert not it.refused(2.0, 2.1)
    assert answer(it, 1000) == 20


def test_a_new_clock_changes_nothing() -> None:
    """A request that was sent after the last cut counts, and the ceiling is as old as before."""
    it, same = finder(), finder()
    for each, shift in ((it, -500.0), (same, 0.0)):
        each.refused(1000.0, 1000.1)
        each.shift(shift)
        answer(each, 100, now=1001.5 + shift)
        each.refused(1001.0 + shift, 1002.0 + shift)
    assert (it.limit, it.ceiling) == (same.limit, same.ceiling)


# --- the time to the first token -----------------------------------------------------------------


def fed(slowness: Slowness, seconds: float, number: int) -> list[int]:
    """At which of so many first tokens it was slow."""
    return [place for place in range(1, number + 1) if slowness.add(seconds, used=place % SHORT == 1)]


def test_a_provider_has_become_slow_when_p90_has_doubled() -> None:
    """Soon after that it is what is usual."""
    it = Slowness()
    assert not fed(it, 1.0, 4 * SHORT)
    assert not fed(it, 1.9, 4 * SHORT)
    it = Slowness()
    assert not fed(it, 1.0, LONG)
    assert fed(it, 3.0, LONG) == [SHORT, 2 * SHORT]
    assert not fed(it, 3.0, LONG)
    assert not fed(it, 1.0, LONG)
    assert fed(it, 3.0, LONG)


def test_a_few_slow_first_tokens_are_not_slow() -> None:
    """Less than a tenth of them."""
    it = Slowness()
    assert not any(it.add(60.0 if place % 20 == 0 else 1.0, used=True) for place in range(2000))


def test_a_slow_start_cuts_like_a_refusal() -> None:
    """Only what was sent after the last cut counts, and only while the limit is used."""
    it = LearnedLimit(finder())
    for place in range(200):
        assert not it.first_token(1.0, place, place + 1, used=True)
    slow = [it.first_token(3.0, 300, 303 + place, used=place < SHORT) for place in range(2 * SHORT)]
    assert slow.index(True) == SHORT - 1
    assert it.finder.limit == 15
    assert not any(slow[SHORT:])  # sent before the cut
    assert not any(it.first_token(9.0, 500, 509 + place, used=False) for place in range(2 * SHORT))


def test_a_cut_empties_the_short_window() -> None:
    """It says nothing about the smaller limit."""
    it = LearnedLimit(finder())
    for place in range(200):
        it.first_token(1.0, place, place + 1, used=True)
    for place in range(SHORT - 1):
        it.first_token(3.0, 300, 303 + place, used=True)
    it.refused(300, 400)
    assert not it.first_token(3.0, 401, 404, used=True)


def test_so_many_limits_are_remembered() -> None:
    """The one used least recently is forgotten."""
    limits = FoundLimits(finder)
    first, second = limits.of("first"), limits.of("second")
    for key in range(MAX_KEYS - 1):
        limits.of("first")
        limits.of(key)
    assert len(limits) == MAX_KEYS
    assert limits.of("first") is first
    assert limits.of("second") is not second
