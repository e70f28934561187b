"""The verdicts on a fleet: what they count, and that each of them can be the other one."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_faults.convergence import decisions, delays, quantile
from fleet_faults.exchanges import Exchange, exchanges
from fleet_faults.leases import leases, most_at_once, too_early
from fleet_faults.spending import allowed, spent, was_limited
from fleet_faults.transitions import astray, lost
from fleet_faults.worker_log import Entry
from fleet_faults.working import TOKENS

CIRCUIT = ("openai", "gpt-5.2", False)


def said(at: float, name: str, *, accepted: bool = True, took: float = 0.01, **facts: Any) -> Exchange:
    """A command that `facts["worker"]` sends at `at`, and a reply that shows the circuit."""
    command = {"is": name, "circuit": CIRCUIT, "worker": "a", "generation": 7, "lease": 10_000, **facts}
    view = {"circuit": list(CIRCUIT), "state": "open", "generation": 7, "step": 1, "by": command["worker"]}
    view.update({key: facts[key] for key in ("state", "step") if key in facts})
    view["generation"] = facts.get("shows", view["generation"])
    reply = {"is": "CircuitReply", "accepted": accepted, "circuit": view}
    return Exchange(0, at, at + took, command, reply)


# --- leases ------------------------------------------------------------------------------------------


def test_leases_that_overlap_are_counted() -> None:
    """Each lasts three seconds, unless its holder says otherwise."""
    asked = [said(0, "Probe", worker=name, number=1) for name in "abc"]
    assert most_at_once(leases(asked)) == 3


def test_a_lease_ends_with_its_release() -> None:
    """Then there is room for another."""
    asked = [
        said(0, "Probe", worker="a", number=1),
        said(1, "Release", worker="a", number=1, sent=True),
        said(2, "Probe", worker="b", number=1),
    ]
    assert most_at_once(leases(asked)) == 1


def test_a_lease_lasts_for_as_long_as_its_holder_beats() -> None:
    """Three seconds after the last beat it is over."""
    beating = [said(0, "Probe", number=1), said(2, "Beat", number=1)]
    assert most_at_once(leases([*beating, said(4.5, "Probe", worker="b", number=1)])) == 2
    assert most_at_once(leases([*beating, said(5.5, "Probe", worker="b", number=1)])) == 1


def test_a_lease_lasts_no_longer_than_its_attempt() -> None:
    """However often its holder beats."""
    beating = [said(0, "Probe", number=1, lease=1000), said(0.9, "Beat", number=1)]
    assert most_at_once(leases([*beating, said(2, "Probe", worker="b", number=1)])) == 1


def test_the_same_lease_twice_is_one() -> None:
    """A worker that asks again with the same number has the one that it had."""
    asked = [said(0, "Probe", number=1), said(0.5, "Probe", number=1)]
    assert len(leases(asked)) == 1


def test_a_lease_ends_with_its_generation_and_with_the_data() -> None:
    """What the store has forgotten is not valid."""
    first, second = said(0, "Probe", number=1), said(2, "Probe", worker="b", number=1)
    assert most_at_once(leases([first, said(1, "Isolate", shows=8), second])) == 1
    assert most_at_once(leases([first, second], [(1.0, 1.5)])) == 1


def test_probes_within_one_cooldown_are_told() -> None:
    """Unless the first of them was never sent."""
    asked = [said(0, "Probe", number=1), said(0.5, "Probe", worker="b", number=1)]
    unsent = said(0.3, "Release", number=1, sent=False)
    assert len(too_early(leases(asked), asked, 1.0)) == 1
    assert too_early(leases(asked), [*asked, unsent], 1.0) == []
    assert too_early(leases(asked), asked, 0.4) == []


# --- transitions -------------------------------------------------------------------------------------


def test_a_transition_that_a_later_reply_does_not_know_is_lost() -> None:
    """With a reason only if the store lost data in between."""
    told = [said(0, "Count"), said(1, "Count", shows=0, state="closed", step=0, accepted=False)]
    without, with_reason = lost(told)
    assert (len(without), len(with_reason)) == (1, 0)
    without, with_reason = lost(told, [(0.5, 0.6)])
    assert (len(without), len(with_reason)) == (0, 1)
    without, with_reason = lost(told, [(2.0, 2.5)])
    assert (len(without), len(with_reason)) == (1, 0)


def test_replies_that_cross_are_not_lost() -> None:
    """A command that was sent before the transition was known may show the circuit as it was."""
    told = [said(0, "Count", took=0.5, step=2), said(0.1, "Count", took=1.0, step=1)]
    assert lost(told) == ([], [])


def test_a_closed_circuit_may_be_forgotten() -> None:
    """Then it is closed, as it was."""
    told = [said(0, "Reset", state="closed"), said(1, "Count", shows=0, step=0, state="closed")]
    assert lost(told) == ([], [])


@pytest.mark.parametrize(("named", "shown", "wrong"), [(7, 7, 0), (7, 8, 0), (7, 9, 1), (9, 8, 1)])
def test_evidence_moves_its_own_generation_alone(named: int, shown: int, wrong: int) -> None:
    """From it to the next one: with 8 between, nothing goes from 7 to 9."""
    told = [said(0, "Isolate", shows=8, generation=0), said(1, "Count", generation=named, shows=shown)]
    assert len(astray(told)) == wrong
    assert astray([said(1, "Count", generation=named, shows=shown, accepted=False)]) == []


# --- convergence -------------------------------------------------------------------------------------


def joined(worker: int, at: float = 0.0) -> Entry:
    """A worker has a session."""
    return Entry(worker, at, "connected", {"id": "a"})


def heard(worker: int, at: float, *, generation: int = 7, step: int = 1) -> Entry:
    """A worker has applied a change."""
    view = {"is": "CircuitView", "circuit": list(CIRCUIT), "generation": generation, "step": step}
    return Entry(worker, at, "applied", {"change": view})


def test_a_delay_is_counted_from_sending_until_applied_for_each_worker() -> None:
    """A later change counts as well, and what was heard before does not."""
    decided = decisions([said(1.0, "Count")], [(0.0, 2.0)])
    log = [heard(0, 1.02), heard(1, 0.5, step=0), heard(1, 1.03, step=2), heard(2, 0.1)]
    found = delays(decided, [joined(0), joined(1), joined(2), *log])
    assert sorted(round(each, 3) for each in found) == [0.02, 0.03]


def test_a_worker_without_a_session_does_not_count() -> None:
    """One that joined later, or whose session ended before it heard."""
    decided = decisions([said(1.0, "Count")], [(0.0, 2.0)])
    assert delays(decided, [joined(0, 1.5), heard(0, 1.6)]) == []
    assert delays(decided, [joined(0), Entry(0, 1.2, "failed", {}), joined(0, 1.4), heard(0, 1.6)]) == []


def test_a_change_is_decided_once_and_within_the_span() -> None:
    """By the worker that the store names."""
    first, again = said(1.0, "Count"), said(1.5, "Beat", worker="a")
    assert decisions([again, first], [(0.0, 2.0)]) == [first]
    assert decisions([first], [(1.5, 2.0)]) == []
    assert decisions([said(1.0, "Count", accepted=False)], [(0.0, 2.0)]) == []


def test_quantiles_are_values_that_were_seen() -> None:
    """The p99 of a hundred is the last but one."""
    assert quantile([float(each) for each in range(1, 101)], 0.99) == 99
    assert quantile([1.0], 0.99) == 1


# --- logs --------------------------------------------------------------------------------------------


def test_commands_are_told_with_their_replies() -> None:
    """An unanswered batch is left out."""
    view = {"is": "CircuitReply", "accepted": True, "circuit": {"circuit": CIRCUIT}}
    log = [
        Entry(3, 1.0, "sent", {"batch": 1, "commands": [{"is": "Alarm"}, {"is": "Beat"}]}),
        Entry(3, 1.1, "sent", {"batch": 2, "commands": [{"is": "Alarm"}]}),
        Entry(3, 1.2, "replied", {"batch": 1, "replies": [view, view]}),
        Entry(3, 1.3, "failed", {"batch": 2, "why": "StoreError"}),
    ]
    assert [(each.command["is"], each.sent, each.replied) for each in exchanges(log)] == [
        ("Alarm", 1.0, 1.2),
        ("Beat", 1.0, 1.2),
    ]


# --- spending ----------------------------------------------------------------------------------------


def test_the_last_word_of_each_worker_on_what_it_spent_counts() -> None:
    """All of them are sums."""
    words = [(0, 100.0), (1, 50.0), (0, 300.0)]
    entries = [Entry(worker, 1.0, "spent", {"tokens": tokens, "rejected": False}) for worker, tokens in words]
    assert spent(entries) == {0: 300, 1: 50}
    assert not was_limited(entries)
    assert was_limited([*entries, Entry(1, 2.0, "spent", {"tokens": 50.0, "rejected": True})])


def test_nothing_but_lost_data_lets_workers_spend_more_than_the_limit() -> None:
    """Each loss may cost a slice of each worker, and what those that are gone had spent."""
    assert allowed(of_the_gone=700, workers=8, losses=[]) == TOKENS
    assert allowed(of_the_gone=700, workers=8, losses=[(1.0, 2.0)]) == TOKENS + 8 * TOKENS // 20 + 700
