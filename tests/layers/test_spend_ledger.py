"""What tenants have spent and reserved, against a plain list of everything that was reserved."""

from __future__ import annotations

import gc
import sys
import tracemalloc

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from ranvier.layers.spend_limit.ledger import Ledger, Reserved

SECONDS = 10.0
LIMIT = 100
TENANTS = "abc"


class Entry:
    """A reservation, in the plainest way."""

    def __init__(self, tenant: str, amount: int, window: int) -> None:
        self.tenant = tenant
        self.amount = amount
        self.window = window
        self.cost: int | None = None


class Spending(RuleBasedStateMachine):
    """Tenants reserve and settle, while time passes."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(SECONDS, 1000)
        self.now = 3.0
        self.entries: list[Entry] = []
        self.window = 0

    def sums(self, tenant: str) -> tuple[int, int]:
        own = [each for each in self.entries if each.tenant == tenant and each.window == self.window]
        settled = sum(each.cost for each in own if each.cost is not None)
        return settled, sum(each.amount for each in own if each.cost is None)

    @rule(target=held, tenant=st.sampled_from(TENANTS), amount=st.integers(0, 60))
    def reserve(self, tenant: str, amount: int) -> tuple[Reserved, Entry] | None:
        fits = sum(self.sums(tenant)) + amount <= LIMIT
        left = max(LIMIT - sum(self.sums(tenant)), 0)
        reserved = self.ledger.reserve(tenant, amount, LIMIT, self.now)
        assert (reserved is not None) is (fits and left > 0)
        if reserved is None:
            return None
        entry = Entry(tenant, amount, self.window)
        self.entries.append(entry)
        return reserved, entry

    @rule(held=consumes(held), share=st.floats(0, 1), twice=st.booleans())
    def settle(self, held: tuple[Reserved, Entry] | None, share: float, twice: bool) -> None:
        if held is None:
            return
        reserved, entry = held
        entry.cost = int(entry.amount * share)
        reserved.settle(entry.cost)
        if twice:
            reserved.settle(entry.amount + 7)

    @rule(held=consumes(held), excess=st.integers(1, 50))
    def settle_above(self, held: tuple[Reserved, Entry] | None, excess: int) -> None:
        if held is not None:
            held[1].cost = held[1].amount + excess
            held[0].settle(held[1].cost)

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0, 25.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.window = int(self.now // SECONDS)

    @precondition(lambda self: self.now > 20)
    @rule()
    def step_back(self) -> None:
        """A wall clock that was wrong: no window begins twice."""
        assert self.ledger.ends_in(self.now) <= SECONDS
        self.ledger.reserve("z", 1, LIMIT, self.now - 15)
        assert self.ledger.account("z", self.now)[1] >= 1
        self.entries.append(Entry("z", 1, self.window))

    @invariant()
    def accounts_agree(self) -> None:
        for tenant in TENANTS:
            assert self.ledger.account(tenant, self.now) == self.sums(tenant)
        assert 0 < self.ledger.ends_in(self.now) <= SECONDS
        settled, reserved = map(sum, zip(*(self.sums(tenant) for tenant in (*TENANTS, "z")), strict=True))
        assert self.ledger.totals(self.now)[1:] == (settled, reserved)


TestSpending = Spending.TestCase


def test_nothing_exceeds_the_limit_unless_a_cost_exceeds_its_reservation() -> None:
    """The excess is that of the attempts in flight; nothing more is admitted in the window."""
    ledger = Ledger(SECONDS, 10)
    held = [ledger.reserve("a", 10, LIMIT, 0.0) for _ in range(20)]
    admitted = [each for each in held if each is not None]
    assert len(admitted) == 10
    for each in admitted:
        each.settle(15)
    assert ledger.account("a", 1.0) == (150, 0)
    assert ledger.reserve("a", 1, LIMIT, 9.9) is None
    assert ledger.reserve("a", 1, LIMIT, 10.0) is not None


def test_a_reservation_settles_in_its_own_window() -> None:
    """The next one does not pay for it."""
    ledger = Ledger(SECONDS, 10)
    reserved = ledger.reserve("a", 90, LIMIT, 9.0)
    assert reserved is not None
    assert ledger.left("a", LIMIT, 10.0) == LIMIT
    reserved.settle(90)
    assert ledger.account("a", 10.0) == (0, 0)


def test_tenants_beyond_the_most_are_rejected() -> None:
    """Those that have spent go on."""
    ledger = Ledger(SECONDS, 2)
    assert all(ledger.reserve(tenant, 1, LIMIT, 0.0) for tenant in "aab")
    assert ledger.reserve("c", 1, LIMIT, 0.0) is None
    assert ledger.reserve("c", 1, LIMIT, SECONDS) is not None


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="sizes are those of CPython")
def test_a_tenant_that_spent_takes_little_memory_and_only_until_the_window_ends() -> None:
    """At most 250 bytes each, its name included. Nothing is left of an old window."""
    ledger, count = Ledger(SECONDS, 10**6), 50_000
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            reserved = ledger.reserve(f"tenant-{number:06}", 10**9 + number, 10**12, 0.0)
            assert reserved is not None
            reserved.settle(10**8 + number)
        spent = (tracemalloc.get_traced_memory()[0] - before) / count
        assert spent <= 250, spent
        assert ledger.totals(SECONDS)[0] == 0
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
    finally:
        tracemalloc.stop()


def test_a_call_that_cost_nothing_takes_no_memory() -> None:
    """Idle tenants, and those whose attempts were not sent, are not known."""
    ledger = Ledger(SECONDS, 10)
    for number in range(100):
        reserved = ledger.reserve(f"tenant {number}", 5, LIMIT, 0.0)
        assert reserved is not None
        reserved.settle(0)
    assert ledger.totals(0.0) == (0, 0, 0)
