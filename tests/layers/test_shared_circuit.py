"""The state machine of a shared circuit, by hand and against an adversary."""

import random
from typing import Any

import pytest

from ranvier import ConfigurationError
from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, OPEN
from ranvier.layers.breaker.shared.followed_circuit import FollowedCircuit
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.layers.breaker.shared.target import SharedTarget
from ranvier.layers.breaker.shared.verdict import LAST_RESORT, PASSES, PROBES, REJECTED, Verdict

LEASE = 120.0


def settings(**changes: Any) -> SharedCircuits:
    rules = SharedCircuits(**changes)
    rules.rng = lambda: 0.0
    return rules


class Hand:
    """A target whose calls are made by hand."""

    def __init__(self, **changes: Any) -> None:
        rules = settings(**changes)
        self.circuit = FollowedCircuit(rules, "p", "m")
        self.target = SharedTarget(self.circuit, FollowedCircuit(rules, "p"))
        self.now = 100.0

    def verdict(self, voter: int = 0, *, may_probe: bool = True, last_target: bool = False) -> Verdict:
        exempt = self.target.well.exempts(voter, self.now)
        return self.circuit.verdict(self.now, exempt=exempt, may_probe=may_probe, last_target=last_target)

    def take(self, voter: int = 0, **how: Any) -> int:
        return self.circuit.take(self.verdict(voter, **how), object(), self.now, LEASE)

    def fail(self, *voters: int) -> None:
        for voter in voters:
            self.target.failed(self.circuit, voter, self.now)

    def content(self, *voters: int) -> None:
        for voter in voters:
            self.target.content(voter, self.now, self.now)


@pytest.mark.parametrize(
    ("failing", "well", "opens"),
    [(4, 0, False), (5, 0, True), (5, 5, True), (5, 6, False), (6, 4, True), (12, 8, True), (9, 11, False)],
)
def test_it_opens_when_enough_tenants_fail_and_they_are_half(failing: int, well: int, opens: bool) -> None:
    """Tenants, never traffic."""
    hand = Hand()
    hand.content(*range(100, 100 + well))
    for _ in range(20):
        hand.fail(*range(failing))
    assert (hand.circuit.state is OPEN) is opens


def test_a_loud_tenant_opens_nothing() -> None:
    """Ninety percent of the traffic, all failing, and ten quiet tenants that are well."""
    hand = Hand()
    for _ in range(600):
        hand.now += 0.5
        hand.fail(*[1] * 9)
        hand.content(2 + int(hand.now) % 10)
        assert hand.circuit.state is CLOSED


def test_the_well_of_a_target_that_fails_for_most_are_served_there() -> None:
    """Sixty percent of the tenants fail; the other forty have content every few seconds."""
    hand = Hand()
    well = range(100, 108)
    hand.content(*well)
    hand.fail(*range(12))
    assert hand.circuit.state is OPEN
    for _ in range(100):
        hand.now += 4.0
        hand.fail(*range(12))
        for voter in well:
            assert hand.verdict(voter) is PASSES
            assert hand.take(voter) == 0
            hand.content(voter)
        assert hand.circuit.state is OPEN
    hand.now += 10.1
    assert hand.verdict(100, may_probe=False) is REJECTED


def test_one_probe_starts_per_cooldown_whether_or_not_an_earlier_one_waits() -> None:
    """After 10 s, then every 20 s; at most six at a time, and those whose leases expire do not count."""
    hand = Hand(max_probes=3)
    hand.fail(*range(5))
    started = []
    for _ in range(200):
        hand.now += 1.0
        if hand.verdict() is PROBES:
            assert hand.take() == hand.circuit.generation
            started.append(hand.now - 100.0)
            assert hand.verdict() is REJECTED
    assert started == [10.0, 30.0, 50.0, 130.0, 150.0, 170.0]
    assert hand.circuit.state is HALF_OPEN


def test_a_probe_that_ends_leaves_its_place() -> None:
    """And the circuit is open again when no other is left."""
    hand = Hand(max_probes=1)
    hand.fail(*range(5))
    hand.now += 10.0
    probe = object()
    hand.circuit.take(hand.verdict(), probe, hand.now, LEASE)
    assert hand.circuit.state is HALF_OPEN
    hand.now += 20.0
    assert hand.verdict() is REJECTED
    hand.circuit.leave(probe, hand.now)
    assert hand.circuit.state is OPEN
    assert hand.verdict() is PROBES


def test_a_probe_that_has_outlived_its_lease_leaves_the_circuit_open_too() -> None:
    """It is not half-open without a probe."""
    hand = Hand(max_probes=1)
    hand.fail(*range(5))
    hand.now += 10.0
    probe = object()
    hand.circuit.take(hand.verdict(), probe, hand.now, 5.0)
    hand.now += 25.0
    assert hand.verdict() is PROBES
    assert (hand.circuit.state, hand.circuit.seen_at(hand.now).probes) == (HALF_OPEN, 0)
    hand.circuit.leave(probe, hand.now)
    assert hand.circuit.state is OPEN


def test_the_first_content_of_any_probe_since_it_opened_closes_it() -> None:
    """Also of one whose lease has expired; never of one from before."""
    hand = Hand()
    before = hand.take()
    hand.fail(*range(5))
    assert before == 0
    assert not hand.circuit.proved(before, hand.now)
    hand.now += 10.0
    first = hand.take()
    hand.now += 500.0
    assert hand.circuit.proved(first, hand.now)
    assert hand.circuit.state is CLOSED
    assert hand.circuit.votes.active == 0
    hand.fail(*range(5))
    hand.now += 10.0
    second = hand.take()
    assert not hand.circuit.proved(first, hand.now)
    assert hand.circuit.state is HALF_OPEN
    assert hand.circuit.proved(second, hand.now)


def test_a_call_that_is_not_hedged_probes_only_at_the_last_target() -> None:
    """And at the last target every call is admitted."""
    hand = Hand()
    hand.fail(*range(5))
    assert hand.verdict(may_probe=False) is REJECTED
    assert hand.verdict(last_target=True) is LAST_RESORT
    hand.now += 10.0
    assert hand.verdict(may_probe=False) is REJECTED
    assert hand.verdict(may_probe=False, last_target=True) is PROBES
    hand.circuit.isolate()
    assert hand.verdict(last_target=True) is REJECTED


def test_one_that_is_observed_rejects_nothing() -> None:
    """The first outcome after each cooldown stands for the probe."""
    hand = Hand(mode="observed")
    hand.fail(*range(5))
    assert hand.circuit.state is OPEN
    early = hand.take()
    assert hand.verdict() is LAST_RESORT
    assert not hand.circuit.proved(early, hand.now)
    hand.now += 10.0
    hand.circuit.disproved(early, hand.now)
    assert not hand.circuit.proved(early, hand.now + 19.0)
    assert hand.circuit.seen_at(hand.now).rejected == 1
    assert hand.circuit.proved(early, hand.now + 20.0)
    assert hand.circuit.state is CLOSED


def test_an_operator_isolates_it_for_everyone() -> None:
    """Also if it is only observed, and also for a tenant that is well."""
    for mode in ("enforced", "observed"):
        hand = Hand(mode=mode)
        hand.content(1)
        hand.circuit.isolate()
        assert hand.circuit.state is ISOLATED
        assert hand.verdict(1) is REJECTED
        hand.circuit.close(hand.now)
        assert hand.verdict(1) is PASSES


@pytest.mark.parametrize("loud", [0.8, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_an_adversary_below_the_quorum_never_opens_it(seed: int, loud: float) -> None:
    """It chooses which calls of four tenants fail, hang, give up or break, in any order."""
    chance, hand = random.Random(f"{seed}{loud}"), Hand()
    mean, well = [1, 2, 3, 4], range(10, 10 + seed * 4)
    held: list[Any] = []
    for _ in range(100_000):
        hand.now += chance.choice([0.0, 0.0, 0.01, 0.1, 1.0, 10.0, 200.0 * (chance.random() < 0.01)])
        if well and chance.random() > loud:
            hand.content(chance.choice(well))
            continue
        voter, deed = chance.choice(mean), chance.random()
        if deed < 0.3:
            hand.fail(voter)
        elif deed < 0.4:
            hand.target.broke(voter, hand.now)
        elif deed < 0.5:
            hand.content(voter)
        elif deed < 0.75:
            began = hand.now - chance.random() * 60
            silence = hand.target.silent(voter, began, hand.now)
            if silence is not None:
                held.append(silence)
            hand.circuit.opens(hand.now)
        elif held:
            silence = held.pop(chance.randrange(len(held)))
            if deed < 0.9:
                hand.circuit.votes.end(silence, hand.now)
                hand.circuit.opens(hand.now)
            else:
                hand.circuit.votes.retract(silence)
        assert hand.circuit.state is CLOSED
        assert 0 <= hand.circuit.votes.failing <= len(mean)


@pytest.mark.parametrize("seed", range(3))
def test_it_opens_only_at_its_quorum_whatever_happens(seed: int) -> None:
    """At every opening: so many tenants failed in the last minutes, and at least half of the active ones."""
    chance, hand = random.Random(seed), Hand()
    hand.now, failed_at = 1000.0, dict.fromkeys(range(12), -1e9)
    opened = 0
    for _ in range(30_000):
        hand.now += chance.random()
        voter = chance.randrange(12)
        if chance.random() < (0.2, 0.6, 0.9)[int(hand.now / 100) % 3]:
            before = hand.circuit.state
            failed_at[voter] = hand.now
            hand.fail(voter)
            if before is CLOSED and hand.circuit.state is OPEN:
                opened += 1
                assert sum(hand.now - at < 300 for at in failed_at.values()) >= 5
        else:
            generation = hand.take(voter) if hand.verdict(voter) is not REJECTED else None
            if generation is not None:
                hand.content(voter)
                hand.circuit.proved(generation, hand.now)
    assert opened > 5


@pytest.mark.parametrize(
    "wrong",
    [{"votes": 1}, {"share": 0}, {"share": 1.5}, {"share": True}, {"mode": "on"}, {"max_probes": 0}],
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    """At once, by name."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        SharedCircuits(**wrong)
