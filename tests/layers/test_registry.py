"""The circuits of a breaker: bounded, the least recently used gone first, those in use never."""

import sys
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier import CircuitOpenError, ConfigurationError
from ranvier.events import CallRejected, CircuitChanged, Event, RegistryFull
from ranvier.pipeline import Outcome, Permit
from support.scenes import CircuitsByHand, at_once

GOOD, BAD, NEITHER = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABANDONED


def tenants(hand: CircuitsByHand) -> list[Any]:
    """Whose circuits there are, oldest first."""
    return [key[0] for key, _ in hand.circuits]


@given(st.integers(1, 4), st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([GOOD, NEITHER]))))
def test_closed_circuits_go_in_the_order_of_their_last_use(
    room: int, calls: list[tuple[str, Outcome]]
) -> None:
    """As in a textbook's cache."""
    hand = CircuitsByHand(max_circuits=room)
    expected: OrderedDict[str, None] = OrderedDict()
    for tenant, outcome in calls:
        assert hand.call(tenant, outcome)
        expected[tenant] = None
        expected.move_to_end(tenant)
        if len(expected) > room:
            expected.popitem(last=False)
        assert set(tenants(hand)) == set(expected)
        assert [key[0] for key in hand.circuits._idle.values()] == list(expected)


class Step:
    """What may happen to a registry."""

    tenant = st.sampled_from("abcdefgh")
    any = st.one_of(
        st.tuples(st.just("call"), tenant),
        st.tuples(st.just("end"), st.sampled_from(Outcome)),
        st.tuples(st.just("wait"), st.sampled_from([1, 50, 700])),
        st.tuples(st.just("isolate"), tenant),
        st.tuples(st.just("reset"), tenant),
    )


class Busy:
    """A registry under calls that end when they like, and operators."""

    def __init__(self, room: int) -> None:
        self.hand = CircuitsByHand(max_circuits=room, failure_threshold=1, cooldown=10, success_threshold=1)
        self.room = room
        self.in_flight: list[tuple[str, Permit]] = []

    def take(self, what: str, argument: Any) -> None:
        if what == "call":
            self.call(argument)
        elif what == "end" and self.in_flight:
            self.in_flight.pop(0)[1].settle(argument)
        elif what == "wait":
            self.hand.now += argument
        elif what == "reset":
            at_once(self.hand.circuits.reset(argument, "only"))
        elif what == "isolate" and (self.hand.state(argument) or len(self.hand.circuits) < self.room):
            at_once(self.hand.circuits.isolate(argument, "only"))

    def call(self, tenant: str) -> None:
        known = self.hand.state(tenant) is not None
        try:
            permit = self.hand.admit(tenant, lease=1e9)
        except CircuitOpenError:
            assert known  # nobody new is refused
        else:
            if self.hand.state(tenant) is not None:
                self.in_flight.append((tenant, permit))

    def check(self) -> None:
        circuits = dict(self.hand.circuits)
        assert len(circuits) <= self.room
        for tenant in {tenant for tenant, _ in self.in_flight}:
            here = sum(1 for name, _ in self.in_flight if name == tenant)
            assert circuits[tenant, "only"].in_flight == here
        for key in self.hand.circuits._idle.values():
            assert (circuits[key].state, circuits[key].in_flight) == ("closed", 0)
        idle = {key for key, seen in circuits.items() if seen.state == "closed" and not seen.in_flight}
        assert idle == set(self.hand.circuits._idle.values())


@settings(max_examples=200)
@given(st.integers(1, 4), st.lists(Step.any, max_size=80))
def test_whatever_happens_it_stays_within_its_bound_and_loses_nobody_in_use(
    room: int, steps: list[tuple[str, Any]]
) -> None:
    """A circuit with calls in flight is there as long as they are, and nobody new is ever refused."""
    busy = Busy(room)
    for what, argument in steps:
        busy.take(what, argument)
        busy.check()


def test_open_circuits_go_when_nobody_has_asked_for_ten_minutes() -> None:
    """All of them that are due go at once, so that not every newcomer searches for one."""
    hand = CircuitsByHand(max_circuits=3, failure_threshold=1, cooldown=10)
    hand.breaker.rules.rng = lambda: 0.0
    for tenant, when in (("a", 0), ("b", 1), ("c", 100)):
        hand.now = when
        hand.call(tenant, BAD)
    hand.now = 610.9
    assert hand.call("new", GOOD)
    assert sorted(tenants(hand)) == ["b", "c", "new"]
    assert hand.call("newer", GOOD)
    assert sorted(tenants(hand)) == ["b", "c", "newer"]
    hand.now = 611
    permit = hand.admit("newer")
    assert hand.call("newest", GOOD)
    assert sorted(tenants(hand)) == ["c", "newer", "newest"]
    permit.settle(GOOD)


def test_a_full_registry_lets_newcomers_pass_and_says_so() -> None:
    """Once for each such call, with the bound; nothing of theirs is counted."""
    heard: list[Event] = []
    hand = CircuitsByHand(heard.append, max_circuits=1, failure_threshold=1)
    permit = hand.admit("a")
    for _ in range(3):
        assert hand.call("b", BAD)
    assert heard == [RegistryFull(tenant="b", provider="only", max_circuits=1)] * 3
    assert hand.state("b") is None
    permit.settle(GOOD)
    assert hand.call("b", BAD)
    assert (hand.state("a"), hand.state("b")) == (None, "open")


def test_what_passes_without_a_circuit_has_a_permit_that_does_nothing() -> None:
    """It may be settled, proved, and asked, like any other."""
    hand = CircuitsByHand(max_circuits=1)
    hand.admit("a")
    permit = hand.admit("b")
    permit.proved()
    permit.settle(BAD)
    assert (permit.circuit, permit.refuses_now) == (None, False)


def test_events_tell_of_transitions_and_refusals() -> None:
    """Each with the tenant, the provider, and what was before and after."""
    heard: list[Event] = []
    hand = CircuitsByHand(heard.append, failure_threshold=1, success_threshold=1, cooldown=10)
    hand.breaker.rules.rng = lambda: 0.0
    hand.call("a", BAD)
    hand.now = 4
    hand.call("a", GOOD)
    hand.now = 10
    hand.call("a", GOOD)
    who: dict[str, Any] = {"tenant": "a", "provider": "only"}
    assert heard == [
        CircuitChanged(**who, before="closed", after="open"),
        CallRejected(**who, model="m", kind="circuit_open", retry_after=6),
        CircuitChanged(**who, before="open", after="half_open"),
        CircuitChanged(**who, before="half_open", after="closed"),
    ]


def test_operators_may_reset_what_is_not_there_and_isolate_what_is_not_there_yet() -> None:
    """The first does nothing; the second refuses the very first call."""
    hand = CircuitsByHand()
    at_once(hand.circuits.reset("a", "only"))
    assert len(hand.circuits) == 0
    at_once(hand.circuits.isolate("a", "only"))
    assert not hand.call("a", GOOD)
    at_once(hand.circuits.reset("a", "only"))
    assert hand.call("a", GOOD)


def test_an_isolated_circuit_is_never_forgotten() -> None:
    """However long nobody asks for it; where there is no room for another, isolating it is refused."""
    hand = CircuitsByHand(max_circuits=1)
    at_once(hand.circuits.isolate("a", "only"))
    hand.now = 1e9
    assert hand.call("b", BAD)
    assert hand.state("a") == "isolated"
    with pytest.raises(
        ConfigurationError, match=r"max_circuits=1 are all in use: there is no room for \('b'"
    ):
        hand.circuits.isolate("b", "only").send(None)


def test_looking_at_circuits_changes_nothing() -> None:
    """Not their state when a cooldown is over, and not their order."""
    hand = CircuitsByHand(failure_threshold=1, cooldown=0, max_circuits=2)
    hand.call("a", BAD)
    assert hand.state("b") is None
    ((key, seen),) = hand.circuits
    assert key == ("a", "only")
    assert (seen.state, seen.total_opens, seen.in_flight, hand.state("a")) == ("open", 1, 0, "open")
    assert repr(hand.circuits) == "<1 circuit of at most 2, 1 not closed>"


def test_a_half_open_circuit_that_nobody_asks_for_is_forgotten_like_an_open_one() -> None:
    """Tenants that come once must not fill the registry by way of an abandoned probe."""
    hand = CircuitsByHand(max_circuits=1, failure_threshold=1, cooldown=0.0)
    hand.call("a", BAD)
    hand.admit("a").settle(Outcome.ABANDONED)
    assert hand.circuits.state("a", "only") == "half_open"
    hand.now = 599.0
    hand.call("b", GOOD)
    assert hand.circuits.state("b", "only") is None
    hand.now = 600.0
    hand.call("b", GOOD)
    assert hand.circuits.state("b", "only") == "closed"


def test_a_circuit_whose_last_call_ends_late_is_forgotten_in_time() -> None:
    """A search that found nothing before does not put it off."""
    hand = CircuitsByHand(max_circuits=1, failure_threshold=1, cooldown=0.0)
    late = hand.admit("a")
    hand.call("a", BAD)
    hand.now = 550.0
    hand.call("b", GOOD)
    late.settle(BAD)
    hand.now = 700.0
    hand.call("b", GOOD)
    assert hand.circuits.state("b", "only") == "closed"


def test_a_circuit_that_was_asked_for_again_is_remembered_from_then_on() -> None:
    """Longer where its cooldown has become longer, and no longer where a reset has made it shorter."""
    hand = CircuitsByHand(max_circuits=3, failure_threshold=1, cooldown=10, max_cooldown=100)
    hand.breaker.rules.rng = lambda: 0.0
    for tenant in "abc":
        hand.call(tenant, BAD)
    hand.now = 20
    for tenant in "ab":
        hand.call(tenant, BAD)  # their cooldown ends at 40 now, and c's at 10
    at_once(hand.circuits.reset("b", "only"))
    hand.call("b", BAD)  # at 30
    hand.now = 609
    hand.call("too early", BAD)
    gone = []
    for now, newcomer in ((610, "x"), (630, "y"), (640, "z")):
        before = set(tenants(hand))
        hand.now = now - 0.1
        hand.call(newcomer, BAD)
        assert set(tenants(hand)) == before
        hand.now = now
        hand.call(newcomer, BAD)
        gone += before - set(tenants(hand))
    assert gone == ["c", "b", "a"]


def test_a_newcomer_to_a_full_registry_of_open_circuits_looks_at_none_of_the_others() -> None:
    """However many there are: counted in steps of Python, not in seconds."""

    def steps(circuits: int) -> int:
        hand = CircuitsByHand(max_circuits=circuits, failure_threshold=1, cooldown=0)
        for number in range(circuits):
            hand.now = number / circuits
            hand.call(f"t{number}", BAD)
        count = 0

        def trace(frame: Any, event: str, argument: Any) -> Any:
            nonlocal count
            count += 1
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            for late in (500.0, 500.0, 700.0):  # none may go, then a thousand
                hand.now = late
                hand.call(f"new {late} {count}", BAD)
        finally:
            sys.settrace(before)
        return count

    assert steps(6000) <= 1.2 * steps(2000)


def test_the_search_for_room_is_short_though_all_have_been_asked_for_again() -> None:
    """A hundred circuits that have all moved: each newcomer finds one that may go, if any may."""
    hand = CircuitsByHand(max_circuits=100, failure_threshold=1, cooldown=0)
    for moment in (0.0, 300.0):
        for number in range(100):
            hand.now = moment + number / 1000
            hand.call(f"t{number}", BAD)
    hand.now = 700.0
    hand.call("too early", BAD)
    hand.call("too early", BAD)
    assert hand.state("too early") is None
    hand.now = 1000.0
    for number in range(100):
        hand.call(f"new {number}", BAD)
        assert hand.state(f"new {number}") == "open"


def test_circuits_that_open_and_close_leave_nothing_behind() -> None:
    """What is remembered of their openings is bounded by how many circuits there are."""
    hand = CircuitsByHand(max_circuits=10, failure_threshold=1, success_threshold=1, cooldown=0)
    for number in range(2000):
        hand.call(f"t{number}", BAD)
        hand.call(f"t{number}", GOOD)
    assert len(hand.circuits) == 10
    assert len(hand.circuits._eviction_queue._heap) <= 2 * 10 + 64
