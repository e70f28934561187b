"""Shared circuits in a store: when they open, who may probe, and what closes them."""

from __future__ import annotations

import pytest

from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, OPEN
from ranvier.store.commands.circuits import Alarm, Beat, Disprove, Isolate, Prove, Reset, Rules
from ranvier.store.commands.workers import Look
from ranvier.store.engine import votes
from support.store.clocked import KEY, Clocked, counts


@pytest.fixture
def store() -> Clocked:
    return Clocked()


# --- alarms and opening --------------------------------------------------------------------------


def test_an_alarm_is_pushed_once(store: Clocked) -> None:
    """The first failure anywhere makes all workers report; the second changes nothing."""
    store.alarm("a")
    store.alarm("b")
    assert store.accepted
    assert store.view.alarmed
    assert [change.by for change in store.pushed] == ["a"]  # type: ignore[union-attr]


def test_votes_of_different_workers_open_it(store: Clocked) -> None:
    """Each of three workers sees one tenant fail, which none of them would take for an outage."""
    store.alarm()
    for number, worker in enumerate("abc"):
        assert store.view.state is CLOSED
        store.count(*counts(number), worker=worker)
    assert store.view.state is OPEN
    assert (store.view.failing, store.view.active, store.view.opens) == (3, 3, 1)
    assert store.view.retry_after == 10_000
    assert store.pushed[-1] == store.view


def test_the_majority_of_all_workers_is_a_tenants_vote(store: Clocked) -> None:
    """Three workers see three tenants fail, and a fourth sees the same ones served more often."""
    store.alarm()
    store.count(*counts(1, 2, 3, contents=5, failures=0), worker="d")
    for worker in "abc":
        store.count(*counts(1, 2, 3), worker=worker)
    assert (store.view.state, store.view.failing, store.view.active) == (CLOSED, 0, 3)


def test_a_report_replaces_the_earlier_one_of_its_worker(store: Clocked) -> None:
    """So one that is sent again after a lost reply counts once, and a silence can be taken back."""
    store.alarm()
    for _ in range(3):
        store.count(*counts(1, failures=2))
    assert (store.view.failing, store.view.active) == (1, 1)
    store.count(*counts(1, failures=0))
    assert (store.view.failing, store.view.active) == (0, 0)


def test_a_minority_of_tenants_opens_nothing(store: Clocked) -> None:
    """Three of seven fail: that is less than half of them."""
    store.alarm()
    store.count(*counts(4, 5, 6, 7, contents=1, failures=0))
    store.count(*counts(1, 2, 3), worker="b")
    assert store.view.state is CLOSED
    store.count(*counts(8), worker="b")
    assert store.view.state is OPEN


def test_counts_of_another_generation_are_ignored(store: Clocked) -> None:
    """Calls that were admitted before an operator's reset say nothing about what came after."""
    store.alarm()
    before = store.view
    store.say(Reset(KEY, "operator"))
    store.alarm()
    after = store.view
    store.view = before
    assert not store.count(*counts(1, 2, 3), half=after.half)
    assert store.view == after


# --- the window ----------------------------------------------------------------------------------


def test_a_half_ends_once_enough_tenants_voted(store: Clocked) -> None:
    """After 5 seconds, and with as many tenants as could open the circuit."""
    store.alarm()
    store.wait(6)
    store.count(*counts(1))
    store.count(*counts(2, contents=1, failures=0))
    half = store.view.half
    store.count(*counts(3, contents=1, failures=0))
    assert store.view.half == half + 1
    assert store.view.active == 3


def test_a_late_report_counts_in_the_half_before(store: Clocked) -> None:
    """A worker that has not heard of the turn is taken at its word, once more."""
    store.alarm()
    store.wait(6)
    store.count(*counts(4, 5, 6, contents=1, failures=0))
    half = store.view.half
    assert store.count(*counts(1, 2), half=half - 1, worker="b")
    assert (store.view.failing, store.view.active) == (2, 5)
    assert not store.count(*counts(1, 2), half=half - 2, worker="b")


def test_the_latest_half_decides_on_a_tenant(store: Clocked) -> None:
    """It failed in the half before, and is served in this one."""
    store.alarm()
    store.count(*counts(1, 2))
    store.wait(6)
    store.count(*counts(4, 5, 6, contents=1, failures=0))
    store.count(*counts(1, contents=1, failures=0))
    assert (store.view.failing, store.view.active) == (1, 5)


def test_a_clean_window_ends_the_alarm(store: Clocked) -> None:
    """Two halves without a failure: nobody reports any more."""
    store.alarm()
    store.count(*counts(1))
    for _ in range(3):
        assert store.view.alarmed
        store.wait(6)
        store.count(*counts(1, 2, 3, contents=3, failures=0), worker="b")
    assert not store.view.alarmed
    assert store.pushed[-1] == store.view
    assert not store.count(*counts(1))


def test_counts_that_were_evicted_are_not_counted_twice(store: Clocked) -> None:
    """The server dropped them under pressure: workers report again, in a new half."""
    store.alarm()
    store.count(*counts(1, 2))
    circuit = store.engine.circuits.records.get(KEY, store.us // 1000)
    assert circuit is not None
    circuit.votes.now.clear()
    half = store.view.half
    assert not store.count(*counts(1, 2), worker="b")
    assert store.view.half > half
    assert store.count(*counts(1, 2), worker="b")
    assert (store.view.failing, store.view.state) == (2, CLOSED)


def test_many_tenants_vote_by_a_sample(store: Clocked) -> None:
    """Above 1,024 in a half, those whose digests are even vote, then every fourth one."""
    store.alarm()
    for first in range(0, 3_000, 250):
        store.count(*counts(*range(first, first + 250), contents=1, failures=0))
    assert store.view.sample == 4
    assert store.view.active == 750


def test_an_alarm_of_many_voters_asks_for_a_sample(store: Clocked) -> None:
    """So that not all workers send all that they have counted; what is not in the sample is not counted."""
    store.alarm(voters=40_000)
    assert store.view.sample == 32
    assert store.pushed[-1] == store.view
    store.count(*counts(*range(1, 100), contents=1, failures=0))
    assert store.view.active == 3


def test_a_sample_of_too_few_is_widened(store: Clocked) -> None:
    """The workers have the same voters. It is pushed, once they have reported, and all report anew."""
    store.alarm(voters=40_000)
    store.count(*counts(32, 64, 96))
    assert (store.view.state, store.view.failing) == (OPEN, 3)  # so few may suffice
    store.say(Reset(KEY, "a"))
    store.alarm(voters=40_000)
    store.count(*counts(32, 64))
    store.wait(0.4)
    store.count()
    assert store.view.sample == 32
    store.wait(0.1)
    pushed = len(store.pushed)
    store.count()
    assert (store.view.sample, len(store.pushed)) == (1, pushed + 1)
    store.count(*counts(1))
    assert store.view.state is OPEN


def test_a_sample_of_enough_stays(store: Clocked) -> None:
    """And so does one for whose counts there would be no room."""
    store.alarm(voters=4_096)
    tenants = range(0, 4 * 200, 4)
    store.count(*counts(*tenants, contents=1, failures=0))
    store.wait(1)
    store.count()
    assert (store.view.sample, store.view.active) == (4, 200)


def test_a_sample_is_not_widened_beyond_the_room_for_counts(
    store: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many workers report the same few voters."""
    monkeypatch.setattr(votes, "MAX_COUNTS", 30)
    store.alarm(voters=4_096)
    for number in range(15):
        store.count(*counts(4, contents=1, failures=0), worker=f"{number}")
    store.wait(1)
    store.count()
    assert store.view.sample == 4


# --- probes --------------------------------------------------------------------------------------


def test_one_probe_starts_per_cooldown(store: Clocked) -> None:
    """Whoever asks first gets it; the others hear when to ask again."""
    store.open()
    assert not store.probe()
    store.wait(10)
    assert store.probe(worker="a")
    assert (store.view.state, store.view.probes, store.view.retry_after) == (HALF_OPEN, 1, 20_000)
    assert not store.probe(worker="b")
    assert store.view.retry_after == 20_000


def test_asking_again_gets_the_same_lease(store: Clocked) -> None:
    """The reply was lost."""
    store.open()
    store.wait(10)
    assert store.probe(number=7)
    pushed = len(store.pushed)
    assert store.probe(number=7)
    assert (store.view.probes, len(store.pushed)) == (1, pushed)


def test_a_lease_ends_three_seconds_after_the_last_heartbeat(store: Clocked) -> None:
    """The holder of the probe was killed: the circuit is open again, and its result is ignored."""
    store.open()
    store.wait(10)
    store.probe()
    generation = store.view.generation
    store.wait(2.9)
    assert store.say(Beat(KEY, "a", 1, generation)).accepted
    store.wait(2.9)
    assert store.say(Beat(KEY, "a", 1, generation)).circuit.state is HALF_OPEN
    store.wait(3)
    assert not store.say(Beat(KEY, "a", 1, generation)).accepted
    assert (store.view.state, store.view.probes) == (OPEN, 0)
    assert not store.prove()
    assert store.view.state is OPEN


def test_a_lease_ends_with_the_limits_of_the_attempt(store: Clocked) -> None:
    """However long its holder goes on to live."""
    store.open()
    store.wait(10)
    store.probe(lease=4_000)
    store.wait(2.5)
    assert store.say(Beat(KEY, "a", 1, store.view.generation)).accepted
    store.wait(2.5)
    assert not store.say(Beat(KEY, "a", 1, store.view.generation)).accepted


def test_only_so_many_probes_are_in_flight(store: Clocked) -> None:
    """Two that wait for content are enough; the third is told when a lease ends."""
    store.open()
    store.wait(10)
    for number in (1, 2):
        assert store.probe(number=number, lease=100_000)
        for _ in range(20):
            store.wait(1)
            for each in (1, 2):
                store.say(Beat(KEY, "a", each, store.view.generation))
    store.wait(1)
    assert not store.probe(number=3)
    assert store.view.probes == 2
    assert store.view.retry_after == 2_000


def test_a_probe_that_was_never_sent_did_not_start(store: Clocked) -> None:
    """Its caller had stopped waiting when it was granted: another one may start at once."""
    store.open()
    store.wait(10)
    store.probe(worker="a")
    assert store.release(worker="a", sent=False)
    assert store.pushed[-1] == store.view
    assert store.view.retry_after == 0
    assert store.probe(worker="b")
    assert store.view.retry_after == 20_000


def test_a_probe_that_ended_takes_its_cooldown_with_it(store: Clocked) -> None:
    """It failed: the next may start when the cooldown is over."""
    store.open()
    store.wait(10)
    store.probe()
    assert store.release()
    assert (store.view.state, store.view.retry_after) == (OPEN, 20_000)
    assert not store.release()


def test_the_first_content_of_a_probe_closes_it(store: Clocked) -> None:
    """In a new generation, without votes."""
    store.open()
    opened = store.view.generation
    store.wait(10)
    store.probe()
    assert store.prove()
    assert (store.view.state, store.view.failing, store.view.active) == (CLOSED, 0, 0)
    assert store.view.generation > opened
    assert not store.prove(generation=opened)


def test_content_of_the_last_target_closes_it_without_a_lease(store: Clocked) -> None:
    """It was asked because nothing else was left."""
    store.open()
    earlier = store.view.generation
    assert store.prove(number=0)
    store.open()
    assert not store.prove(number=0, generation=earlier)


def test_a_clock_that_was_set_back_delays_no_probe(store: Clocked) -> None:
    """After a failover: nobody waits longer than a whole cooldown."""
    store.open()
    store.wait(-3_600)
    assert not store.probe()
    assert store.view.retry_after == 10_000
    store.wait(10)
    assert store.probe()


def test_a_clock_that_was_set_back_delays_no_outcome_of_an_observed_circuit(store: Clocked) -> None:
    """Nor does a look at it count as the beginning of another cooldown."""
    store.open()
    store.wait(-3_600)
    for _ in range(10):
        store.say(Look(0, (KEY,)))
        store.wait(1)
    assert store.say(Prove(KEY, "a", store.view.generation, 0, True)).circuit.state is CLOSED


# --- observed circuits, operators, and what gets lost ------------------------------------------------


def test_an_observed_circuit_takes_the_first_outcome_after_each_cooldown(store: Clocked) -> None:
    """For the result of a probe, which it has not."""
    rules = Rules(votes=3, observed=True)
    store.open()
    generation = store.view.generation
    assert not store.say(Disprove(KEY, "a", generation, rules, 0)).accepted
    assert not store.say(Prove(KEY, "a", generation, 0, True)).accepted
    store.wait(10)
    assert store.say(Disprove(KEY, "a", generation, rules, 0)).accepted
    assert not store.say(Disprove(KEY, "b", generation, rules, 0)).accepted
    assert store.view.retry_after == 20_000
    store.wait(20)
    assert store.say(Prove(KEY, "a", generation, 0, True)).circuit.state is CLOSED


def test_an_operator_isolates_and_resets(store: Clocked) -> None:
    """In every state, also a circuit that nobody has spoken of; saying it twice changes nothing."""
    store.say(Isolate(KEY, "operator"))
    isolated = store.view
    assert (isolated.state, isolated.by) == (ISOLATED, "operator")
    store.say(Isolate(KEY, "operator"))
    assert store.view == isolated
    assert not store.probe()
    assert not store.prove(number=0)
    store.say(Alarm(KEY, "a", isolated.generation))
    assert not store.accepted
    store.say(Reset(KEY, "operator"))
    assert store.view.state is CLOSED
    assert [change.state for change in store.pushed] == [ISOLATED, CLOSED]  # type: ignore[union-attr]


def test_an_isolation_outlasts_a_month_in_which_nobody_asks(store: Clocked) -> None:
    """An open circuit is forgotten after a day; an operator's word is not."""
    store.say(Isolate(KEY, "operator"))
    store.wait(30 * 86_400)
    assert [change.state for change in store.say(Look()).changes] == [ISOLATED]


def test_an_evicted_circuit_is_unknown_and_closed(store: Clocked) -> None:
    """No command fails then, and the next generation is a later one."""
    store.open()
    generation = store.view.generation
    store.engine.circuits.records.drop(KEY)
    assert not store.probe()
    assert (store.view.state, store.view.generation) == (CLOSED, 0)
    assert not store.prove(generation=generation)
    store.wait(-3_600)  # and the clock was set back
    store.alarm()
    assert store.view.generation > generation
