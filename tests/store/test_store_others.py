"""Circuits of tenants, gates, workers and counters in a store, and what a worker reads of them."""

from __future__ import annotations

import pytest

from ranvier.facts.circuit import CLOSED, ISOLATED, OPEN
from ranvier.store.commands.circuits import CircuitKey, Isolate, Reset
from ranvier.store.commands.gates import CloseGate, OpenGate
from ranvier.store.commands.tenants import (
    IsolateTenant,
    ResetTenant,
    TenantClosed,
    TenantFailed,
    TenantKey,
    TenantOpened,
)
from ranvier.store.commands.workers import Heartbeat, Leave, Look, ReadFleet
from ranvier.store.engine import tenants
from support.store.clocked import KEY, Clocked, tenant

TENANT = TenantKey(tenant(1), "openai")


@pytest.fixture
def store() -> Clocked:
    return Clocked()


# --- tenants -------------------------------------------------------------------------------------


def test_a_failing_tenant_is_told_that_it_is_open_elsewhere(store: Clocked) -> None:
    """And for how long; it is not pushed."""
    store.say(TenantOpened(TENANT, "a", 10_000))
    store.wait(4)
    seen = store.say(TenantFailed(TENANT, "b"))
    assert (seen.state, seen.retry_after, seen.by) == (OPEN, 6_000, "a")
    store.wait(6)
    assert store.say(TenantFailed(TENANT, "b")).state is CLOSED
    assert store.pushed == []


def test_only_the_opening_that_a_worker_knows_is_closed(store: Clocked) -> None:
    """Its own, or the one it has adopted; another worker opened it again since."""
    opened = store.say(TenantOpened(TENANT, "a", 10_000))
    assert store.say(TenantClosed(TENANT, "b")).state is OPEN
    assert store.say(TenantClosed(TENANT, "b", opened.generation)).state is CLOSED
    store.wait(0.001)
    store.say(TenantOpened(TENANT, "a", 10_000))
    assert store.say(TenantClosed(TENANT, "b", opened.generation)).state is OPEN
    assert store.say(TenantClosed(TENANT, "a")).state is CLOSED


def test_the_longest_opening_counts(store: Clocked) -> None:
    """A worker that opened it for a shorter time does not end it early."""
    store.say(TenantOpened(TENANT, "a", 10_000))
    store.say(TenantOpened(TENANT, "b", 5_000))
    store.say(TenantClosed(TENANT, "b"))
    assert store.say(TenantFailed(TENANT, "c")).retry_after == 10_000


def test_operators_isolate_a_tenant_in_all_workers(store: Clocked) -> None:
    """By a push, and for those that come later; no worker's report ends it."""
    store.say(IsolateTenant(TENANT, "operator"))
    store.say(IsolateTenant(TENANT, "operator"))
    assert [change.state for change in store.pushed] == [ISOLATED]  # type: ignore[union-attr]
    store.say(TenantOpened(TENANT, "a", 1_000))
    assert store.say(TenantClosed(TENANT, "a")).state is ISOLATED
    assert store.say(Look()).changes == (store.say(TenantFailed(TENANT, "a")),)
    reset = store.say(ResetTenant(TENANT, "operator"))
    assert (reset.state, store.pushed[-1]) == (CLOSED, reset)
    assert reset.generation > store.pushed[0].generation  # type: ignore[union-attr]
    assert store.say(Look()).changes == ()


def test_no_number_of_openings_displaces_an_isolation(
    store: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory the openings are bounded; an operator's word is kept apart from them."""
    monkeypatch.setattr(tenants, "MAX_TROUBLES", 3)
    store = Clocked()
    store.say(IsolateTenant(TENANT, "operator"))
    for number in range(2, 12):
        store.say(TenantOpened(TenantKey(tenant(number), "openai"), "a", 10_000))
    assert store.say(TenantFailed(TENANT, "a")).state is ISOLATED
    assert len(store.engine.tenants.open) == 3


# --- gates ---------------------------------------------------------------------------------------


def test_a_closed_gate_is_pushed_and_ends_by_itself(store: Clocked) -> None:
    """Workers that come meanwhile read how long it is closed."""
    closed = store.say(CloseGate("key", "a", 30_000, "rate_limit"))
    assert store.pushed == [closed]
    store.wait(10)
    assert [change.closed_for for change in store.say(Look()).changes] == [20_000]
    store.wait(20)
    assert store.say(Look()).changes == ()


def test_the_longest_closing_counts(store: Clocked) -> None:
    """A shorter one changes nothing, and one that is hardly longer is not worth a push."""
    store.say(CloseGate("key", "a", 30_000, "rate_limit"))
    store.say(CloseGate("key", "b", 10_000, "overloaded"))
    assert store.say(CloseGate("key", "c", 30_200, "overloaded")).reason == "rate_limit"
    assert len(store.pushed) == 1
    assert store.say(CloseGate("key", "d", 40_000, "overloaded")).closed_for == 40_000


def test_a_final_reason_replaces_one_that_passes(store: Clocked) -> None:
    """The key is out of credit, whatever rate limit closed it before."""
    store.say(CloseGate("key", "a", 30_000, "rate_limit"))
    seen = store.say(CloseGate("key", "b", 10_000, "quota_exhausted", final=True))
    assert (seen.reason, seen.closed_for, seen.by) == ("quota_exhausted", 30_000, "b")
    assert store.say(CloseGate("key", "b", 10_000, "quota_exhausted", final=True)) == seen


def test_only_the_closing_that_a_worker_knows_is_opened(store: Clocked) -> None:
    """Another worker's key was limited again meanwhile."""
    first = store.say(CloseGate("key", "a", 10_000, "rate_limit"))
    store.wait(1)
    second = store.say(CloseGate("key", "b", 20_000, "rate_limit"))
    assert store.say(OpenGate("key", "a", first.generation)).closed_for == 20_000
    opened = store.say(OpenGate("key", "a", second.generation))
    assert (opened.closed_for, store.pushed[-1]) == (0, opened)
    assert opened.generation > second.generation


# --- workers and counters ------------------------------------------------------------------------


def beat(store: Clocked, worker: str, **sums: int) -> int:
    """A heartbeat; returns how many live."""
    workers: int = store.say(Heartbeat(worker, {"host": worker}, sums, {"open": 1})).workers
    return workers


def test_a_worker_without_a_heartbeat_is_gone(store: Clocked) -> None:
    """After 3 seconds, or when it says so."""
    assert [beat(store, worker) for worker in "abc"] == [1, 2, 3]
    assert store.say(Leave("c")).workers == 2
    store.wait(2)
    assert beat(store, "a") == 2
    store.wait(2)
    assert beat(store, "a") == 1
    assert [each.worker for each in store.say(ReadFleet()).workers] == ["a"]


def test_counters_never_fall(store: Clocked) -> None:
    """Heartbeats that come twice, late or not at all, and workers that are stopped, gone, or back again."""
    beat(store, "a", calls=10)
    beat(store, "b", calls=5)
    beat(store, "a", calls=12)
    beat(store, "a", calls=12)
    beat(store, "a", calls=11)  # an older one, late
    assert store.say(ReadFleet()).sums == {"calls": 17}
    store.wait(60)  # both are gone
    assert store.say(ReadFleet()).workers == ()
    assert store.say(ReadFleet()).sums == {"calls": 17}
    beat(store, "b", calls=8)  # it was only stopped
    assert store.say(ReadFleet()).sums == {"calls": 20}


def test_too_many_counters_are_told(store: Clocked) -> None:
    """The first 10,000 names are kept."""
    sums = {str(number): 1 for number in range(10_003)}
    assert store.say(Heartbeat("a", {}, sums)).ignored == 3
    assert len(store.say(ReadFleet()).sums) == 10_000
    assert store.say(Heartbeat("a", {}, {}, {str(number): 1 for number in range(1_002)})).ignored == 2


# --- looking -------------------------------------------------------------------------------------


def test_a_look_shows_what_changed_since_the_last_one(store: Clocked) -> None:
    """Nothing at all, most of the time."""
    store.say(Isolate(KEY, "a"))
    first = store.say(Look())
    assert len(first.changes) == 1
    assert store.say(Look(first.version)).changes == ()
    store.say(CloseGate("key", "a", 30_000, "rate_limit"))
    assert [change.gate for change in store.say(Look(first.version)).changes] == ["key"]


def test_a_look_shows_that_a_known_circuit_closed(store: Clocked) -> None:
    """Its push was missed; and one that the store does not know is closed, also on an empty store."""
    assert [each.state for each in store.say(Look(0, (KEY,))).changes] == [CLOSED]
    store.say(Isolate(KEY, "a"))
    version = store.say(Look()).version
    store.say(Reset(KEY, "a"))
    assert store.say(Look(version)).changes == ()
    assert [each.state for each in store.say(Look(version, (KEY,))).changes] == [CLOSED]


def test_a_version_of_other_data_shows_everything(store: Clocked) -> None:
    """After a failover to a replica that lags."""
    store.say(Isolate(KEY, "a"))
    assert len(store.say(Look(1 << 52)).changes) == 1


def test_a_thousand_troubles_are_read_page_by_page(store: Clocked) -> None:
    """In the order in which they changed, each once."""
    keys = [CircuitKey("openai", str(number), False) for number in range(2_500)]
    for key in keys:
        store.say(Isolate(key, "a"))
    seen, version, more = [], 0, True
    while more:
        looked = store.say(Look(version))
        seen += [change.circuit for change in looked.changes]
        version, more = looked.version, looked.more
    assert seen == keys
