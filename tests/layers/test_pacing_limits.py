"""What is left of a limit, against a provider that counts from the beginning each time it is asked."""

import heapq
import math
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ranvier import Message, Request, Usage
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers.pacing.estimates import MAX_TENANTS, Estimates
from ranvier.layers.pacing.key_limits import Costs, KeyLimits, Reservation

SIZE = 10.0


@dataclass(eq=False)
class Asked:
    """A request in flight, as the model knows it."""

    reservation: Reservation
    number: int
    limit: RateLimit
    accepted: bool


@dataclass
class Model:
    """A provider's bucket: it replays all that it has accepted."""

    period: float
    accepted: list[float] = field(default_factory=list)  # when; each is one request

    def level(self, now: float) -> float:
        level, since = SIZE, 0.0
        for when in self.accepted:
            level = min(SIZE, level + (when - since) * SIZE / self.period) - 1
            since = when
        return min(SIZE, level + (now - since) * SIZE / self.period)

    def ask(self, now: float) -> bool:
        if self.level(now) < 1 - 1e-9:
            return False
        self.accepted.append(now)
        return True

    def says(self, now: float) -> RateLimit:
        level = self.level(now)
        return RateLimit(SIZE, float(math.floor(level + 1e-9)), (SIZE - level) * self.period / SIZE)


class Pacer(RuleBasedStateMachine):
    """Requests are sent when they fit, and answered in any order."""

    @initialize(period=some.sampled_from([1.0, 60.0]), alone=some.booleans())
    def begin(self, period: float, alone: bool) -> None:
        self.now, self.number = 0.0, 0
        self.model, self.limits = Model(period), KeyLimits()
        self.alone = alone
        self.flying: list[Asked] = []
        self.newest = 0  # the newest request whose answer has arrived
        self.first: int | None = None  # the newest request that was sent when the first answer arrived

    @property
    def exact(self) -> bool:
        """One process, and a request that was sent when something was known has been answered."""
        return self.alone and self.first is not None and self.newest > self.first

    @property
    def left(self) -> float:
        return self.limits.allowances[0].left(self.now)

    @rule(part=some.sampled_from([0.001, 0.01, 0.1, 0.3, 1.0, 3.0]))
    def wait(self, part: float) -> None:
        self.now += part * self.model.period

    @precondition(lambda self: len(self.flying) < 30)
    @rule()
    def send(self) -> None:
        """If it fits; the provider counts it at once."""
        if not self.limits.fits(Costs(), self.now):
            assert self.limits.seconds_for(Costs(), 1, self.now) > 0
            return
        self.number += 1
        accepted = self.model.ask(self.now)
        if self.exact:
            assert accepted, (self.left, self.model.level(self.now))
        reservation = self.limits.take(Costs(), self.now)
        self.flying.append(Asked(reservation, self.number, self.model.says(self.now), accepted))

    @precondition(lambda self: self.flying)
    @rule(which=some.integers(0, 29))
    def answer(self, which: int) -> None:
        """One of those in flight is answered, with what was left when it was counted."""
        asked = self.flying.pop(which % len(self.flying))
        before = self.left
        said = RateLimits(requests=asked.limit)
        if asked.accepted:
            self.limits.report(said, asked.reservation, self.now)
            self.limits.settle(asked.reservation, Costs())
        else:
            self.limits.give_back(asked.reservation)
            self.limits.report(said, asked.reservation, self.now, counted=False)
        if asked.number < self.newest and asked.accepted:
            assert self.left == pytest.approx(before), "an older answer has changed what is left"
        self.newest = max(self.newest, asked.number)
        self.first = self.number if self.first is None else self.first

    @rule()
    def not_sent(self) -> None:
        """A call is rejected further in: it leaves no trace."""
        if self.limits.fits(Costs(), self.now):
            self.number += 1
            before = self.left
            self.limits.give_back(self.limits.take(Costs(), self.now))
            assert self.left == pytest.approx(before)

    @precondition(lambda self: not self.alone)
    @rule()
    def another_process(self) -> None:
        """It uses the same key, which we do not see."""
        self.model.ask(self.now)

    @invariant()
    def what_is_left_is_right(self) -> None:
        """Never more than there is, and at most one less: the provider says whole numbers."""
        if self.exact:
            level = self.model.level(self.now)
            assert level - 1 - 1e-6 <= self.left <= level + 1e-6
        assert self.limits.in_flight == len(self.flying)


Pacer.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
TestPacer = Pacer.TestCase


# --- windows, and many calls ---------------------------------------------------------------------


def offered(rate: float, seconds: float, rng: Random, *, window: float, late: float) -> tuple[int, int]:
    """Requests at random to a key good for 60 in a window; how many were sent, and how many rejected.

    `late` is the longest time to an answer.
    """
    limits, left, ends = KeyLimits(), 60.0, window * 0.7
    events: list[tuple[float, int, Asked | None]] = []
    now, sent, refused = 0.0, 0, 0
    while now < seconds:
        now += rng.expovariate(rate)
        heapq.heappush(events, (now, len(events), None))
    number = len(events)
    while events:
        now, _, asked = heapq.heappop(events)
        if asked is not None:
            if not asked.accepted:
                limits.give_back(asked.reservation)
            limits.report(RateLimits(asked.limit), asked.reservation, now, counted=asked.accepted)
            if asked.accepted:
                limits.settle(asked.reservation, Costs())
        elif limits.fits(Costs(), now):
            while now >= ends:
                left, ends = 60.0, ends + window
            accepted = left >= 1
            left -= accepted
            sent, refused, number = sent + 1, refused + (not accepted), number + 1
            asked = Asked(limits.take(Costs(), now), 0, RateLimit(60.0, left, round(ends - now, 3)), accepted)
            heapq.heappush(events, (now + rng.uniform(0.05, late), number, asked))
    return sent, refused


@pytest.mark.parametrize("late", [0.1, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_window_is_used_up_and_not_exceeded(seed: int, late: float) -> None:
    """20 % more than fits is offered. In ten windows at least 57 of 60 are used, and 1 % rejected."""
    sent, refused = offered(1.2, 600, Random(seed), window=60.0, late=late)
    assert refused <= 6
    assert sent - refused >= 57 * 10


def test_a_late_answer_does_not_end_the_next_window() -> None:
    """It was counted half a second before its window ended, and arrives a second after."""

    def says(remaining: float, now: float) -> RateLimits:
        return RateLimits(requests=RateLimit(60, remaining, round(60 - now % 60 - 0.0005, 3)))

    limits = KeyLimits()
    for second in range(59):
        limits.report(says(59.0 - second, second), limits.take(Costs(), second), second + 0.1)
    late = limits.take(Costs(), 59.5)
    for _ in range(60):
        assert limits.fits(Costs(), 60.5)
        limits.take(Costs(), 60.5)
    limits.report(says(0.0, 59.5), late, 61.0)
    assert not limits.fits(Costs(), 65.0)
    assert limits.seconds_for(Costs(), 1, 65.0) == pytest.approx(55, abs=0.5)


def test_a_correction_counts_from_when_the_request_was_sent() -> None:
    """Others have used three of ten before the second request, and two of ours have been sent since."""
    limits = KeyLimits()
    limits.report(RateLimits(requests=RateLimit(10, 9, 600.0)), limits.take(Costs(), 0.0), 0.0)
    second, _, _ = (limits.take(Costs(), 0.0) for _ in range(3))
    limits.report(RateLimits(requests=RateLimit(10, 5, 600.0)), second, 0.0)
    assert limits.allowances[0].left(0.0) == pytest.approx(3)


def test_nothing_is_added_to_a_limit_that_was_full_since() -> None:
    """The answer says that more was left than was believed; but both were full before it came."""
    limits = KeyLimits()
    said = RateLimits(requests=RateLimit(10, 9, 0.1))
    first, second = limits.take(Costs(), 0.0), limits.take(Costs(), 0.1)
    limits.report(said, first, 0.1)
    limits.take(Costs(), 0.4)
    limits.report(said, second, 0.4)
    assert limits.allowances[0].left(0.4) == pytest.approx(9)


def test_what_would_not_have_fitted_since_is_not_added() -> None:
    """Two answers late, more is left than was believed; but a part of it came back to a full limit."""
    limits = KeyLimits()
    first, second = limits.take(Costs(), 0.0), limits.take(Costs(), 0.0)
    limits.report(RateLimits(requests=RateLimit(10, 9, 0.1)), first, 0.3)
    third = limits.take(Costs(), 0.3)
    limits.take(Costs(), 0.3)
    limits.report(RateLimits(requests=RateLimit(10, 8, 0.2)), second, 0.3)
    limits.take(Costs(), 0.6)
    limits.report(RateLimits(requests=RateLimit(10, 9, 0.1)), third, 0.6)
    assert limits.allowances[0].left(0.6) == pytest.approx(9)


def test_what_is_given_back_leaves_room_for_what_is_added() -> None:
    """Calls that were not sent change nothing, whatever an older answer says then."""
    limits = KeyLimits()
    limits.report(RateLimits(requests=RateLimit(10, 5, 30.0)), limits.take(Costs(), 0.0), 0.0)
    sent = limits.take(Costs(), 0.0)
    for _ in range(4):
        limits.give_back(limits.take(Costs(), 0.0))
    limits.report(RateLimits(requests=RateLimit(10, 9, 6.0)), sent, 0.0)
    assert limits.allowances[0].left(0.0) == pytest.approx(9)


def test_a_full_limit_admits_a_call_that_is_larger() -> None:
    """It would never fit otherwise."""
    limits = KeyLimits()
    limits.report(RateLimits(tokens=RateLimit(100, 99, 0.6)), limits.take(Costs(), 0.0), 0.0)
    large = Costs(tokens=500.0)
    assert not limits.fits(large, 0.1)
    assert limits.fits(large, 100.0)


def test_answers_are_counted_when_they_end() -> None:
    """Output tokens in flight are not in what the provider says; those of ended answers are."""
    limits, costs = KeyLimits(), Costs(output_tokens=100.0)
    said = RateLimits(output_tokens=RateLimit(1000, 1000, 60.0))
    first, second = limits.take(costs, 0.0), limits.take(costs, 0.0)
    limits.report(said, second, 0.0)
    output = limits.allowances[2]
    assert output.left(0.0) == 800
    limits.settle(first, Costs(output_tokens=50.0))
    assert output.left(0.0) == 850
    limits.settle(second, None)
    assert output.left(0.0) == 850


def test_estimates_that_err_leave_a_margin() -> None:
    """The more calls are in flight whose usage is not known, the more is kept free."""
    limits, costs, rng = KeyLimits(), Costs(tokens=100.0), Random(1)
    for _ in range(100):
        taken = limits.take(costs, 0.0)
        limits.report(RateLimits(tokens=RateLimit(1000, 1000, 0.0)), taken, 0.0)
        limits.settle(taken, Costs(tokens=100 * rng.uniform(0.2, 1.6)))
    fitting = 0
    while limits.fits(costs, 0.0):
        limits.take(costs, 0.0)
        fitting += 1
    assert 6 <= fitting <= 9


def test_a_limit_without_a_reset_comes_back_within_a_minute() -> None:
    """Azure says what remains, and not when it is full."""
    limits = KeyLimits()
    limits.report(RateLimits(requests=RateLimit(60, 0, None)), limits.take(Costs(), 0.0), 0.0)
    assert not limits.fits(Costs(), 0.5)
    assert limits.fits(Costs(), 1.1)


def test_a_key_that_is_used_up_for_long_is_asked_again() -> None:
    """Once a minute: what was reported may not hold any more."""
    limits = KeyLimits()
    used_up = RateLimits(requests=RateLimit(1000, 0, 86_400.0))
    limits.report(used_up, taken := limits.take(Costs(), 0.0), 0.0)
    limits.settle(taken, Costs())
    assert not limits.fits(Costs(), 59.0)
    assert limits.seconds_for(Costs(), 1, 59.0) == pytest.approx(1.0)
    assert limits.fits(Costs(), 60.0)
    taken = limits.take(Costs(), 60.0)
    assert not limits.fits(Costs(), 61.0), "one at a time"
    limits.give_back(taken)
    limits.report(used_up, taken, 61.0, counted=False)
    assert not limits.fits(Costs(), 120.0)
    limits.report(RateLimits(requests=RateLimit(1000, 500, 60.0)), taken, 121.0)
    assert limits.fits(Costs(), 121.0)


def test_absurd_usage_does_not_stop_a_key() -> None:
    """Of tokens counted when an answer ends, and in what is learned from it."""
    limits = KeyLimits()
    said = RateLimits(output_tokens=RateLimit(1000, 1000, 0.0), tokens=RateLimit(1000, 1000, 0.0))
    costs = Costs(output_tokens=1e7, tokens=1e7)
    for _ in range(5):
        taken = limits.take(costs, 0.0)
        limits.report(said, taken, 0.0)
        limits.settle(taken, Costs(output_tokens=1e15, tokens=1e15))
    limits.take(costs, 1.0)  # and never ends
    assert all(each.left(1.0) >= -6000 for each in limits.allowances)
    assert limits.seconds_for(Costs(), 1, 1.0) < 400


@pytest.mark.parametrize("limit", [1e-300, 0.5])
def test_an_absurdly_small_limit_can_be_computed_with(limit: float) -> None:
    """No limit is below one: whatever is lacking comes back after a finite time."""
    limits = KeyLimits()
    for sent in (0.0, 20.0, 40.0, 60.0, 80.0):  # used more and full no later: a window
        reported = RateLimits(tokens=RateLimit(limit, 0.0, 100.0 - sent))
        limits.report(reported, limits.take(Costs(tokens=1e7), sent), sent)
    assert 0 < limits.seconds_for(Costs(tokens=1e7), 5, 81.0) < 1e12


def test_a_limit_that_changes_counts_at_once() -> None:
    """The account was upgraded."""
    limits = KeyLimits()
    limits.report(RateLimits(requests=RateLimit(10, 5, 30.0)), limits.take(Costs(), 0.0), 0.0)
    limits.report(RateLimits(requests=RateLimit(1000, 900, 6.0)), limits.take(Costs(), 1.0), 1.0)
    assert limits.allowances[0].left(1.0) == pytest.approx(900)
    assert limits.seconds_for(Costs(), 901, 1.0) < 1


@pytest.mark.parametrize("reset", ["seconds", "exact"])
def test_a_bucket_of_a_minute_is_recognized(reset: str) -> None:
    """By its first answers, also where its times are whole seconds."""
    limits, level = KeyLimits(), 4000.0
    for number in range(200):
        now = number * 0.01
        level = min(4000.0, level + 0.01 * 4000 / 60) - 1
        full = (4000 - level) * 60 / 4000
        said = RateLimit(4000, float(int(level)), float(math.ceil(full)) if reset == "seconds" else full)
        taken = limits.take(Costs(), now)
        limits.report(RateLimits(requests=said), taken, now)
        limits.settle(taken, Costs())
    left = limits.allowances[0].left(2.0)
    assert limits.allowances[0].left(2.0 + 1) - left == pytest.approx(min(4000 - left, 4000 / 60), rel=0.1)


# --- estimates -----------------------------------------------------------------------------------


def test_an_estimate_is_learned_per_tenant_and_limited_by_the_request() -> None:
    """A quarter of the characters at first; then what was used, of the tenant or else of all."""
    estimates, request = Estimates(), Request((Message.user("x" * 4000),))
    assert estimates.of(request, "a").input_tokens == pytest.approx(1001)
    for _ in range(200):
        estimates.learn(request, "a", Usage(input=2000, output=10, total=2010))
    assert estimates.of(request, "a").tokens == pytest.approx(2010, rel=0.02)
    assert estimates.of(request, "unknown").tokens == pytest.approx(2010, rel=0.02)
    for _ in range(200):
        estimates.learn(request, "b", Usage(input=1000, output=500, total=1500))
    assert estimates.of(request, "a").output_tokens == pytest.approx(10, rel=0.02)
    assert estimates.of(request, "b").output_tokens == pytest.approx(500, rel=0.02)
    short = Request((Message.user("x"),), max_tokens=5)
    assert estimates.of(short, "b").output_tokens == 5


def test_the_number_of_tenants_is_bounded_and_absurd_usage_is_too() -> None:
    """The tenants used last are kept."""
    estimates, request = Estimates(), Request((Message.user("Hi"),))
    for number in range(3 * MAX_TENANTS):
        estimates.learn(request, f"t{number}", Usage(input=10, output=10, total=20))
    assert len(estimates._tenants) == MAX_TENANTS
    estimates.learn(request, "t", Usage(input=10**15, output=10**15, total=2 * 10**15))
    assert estimates.of(request, "t").tokens < 1e7
