"""What a retry budget allows, against everything that happened."""

import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier import ConfigurationError
from ranvier.layers import Retry, RetryBudget
from ranvier.layers.retry.budget import MAX_TENANTS

RATIO, PER_SECOND, WINDOW = 0.2, 1.0, 10.0
PART = WINDOW / 10
"""By how much longer than the window something may count."""


class Log:
    """Everything that a budget was told and asked, counted in the plainest way."""

    def __init__(self) -> None:
        self.firsts: list[tuple[float, str]] = []
        self.retries: list[tuple[float, str]] = []

    @staticmethod
    def count(of: list[tuple[float, str]], since: float, tenant: str | None = None) -> int:
        return sum(when > since - 1e-9 and tenant in (None, who) for when, who in of)

    def check_granted(self, tenant: str, now: float) -> None:
        """A retry was allowed: it and those before it are within the budget of every such window."""
        retries = self.count(self.retries, now - WINDOW)
        firsts = self.count(self.firsts, now - WINDOW - PART)
        allowed = RATIO * firsts + PER_SECOND * WINDOW
        assert retries <= allowed
        if retries - 1 >= allowed / 2:
            own = self.count(self.firsts, now - 2 * WINDOW, tenant)
            assert self.count(self.retries, now - WINDOW, tenant) <= RATIO * (own + 1) + 1

    def check_withheld(self, tenant: str, now: float) -> None:
        """A retry was not allowed: the budget was used up, or half of it and the tenant's share."""
        retries = self.count(self.retries, now - WINDOW - PART)
        firsts = self.count(self.firsts, now - WINDOW)
        allowed = RATIO * firsts + PER_SECOND * WINDOW
        if retries + 1 <= allowed:
            assert retries >= allowed / 2
            assert self.count(self.retries, now - 2 * WINDOW, tenant) >= 1


steps = st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]) | st.floats(0, 3 * WINDOW)
tenants = st.sampled_from("abcd")
doings = st.tuples(steps, tenants, st.sampled_from([1, 1, 20]), st.integers(0, 12))


@given(st.lists(doings, max_size=40))
def test_no_window_has_more_retries_than_its_budget(history: list[tuple[float, str, int, int]]) -> None:
    """And none has fewer than it could: a retry is withheld only if the budget is used up."""
    budget, log, now = RetryBudget(RATIO, PER_SECOND, WINDOW), Log(), 0.0
    for step, tenant, firsts, retries in history:
        now += step
        for _ in range(firsts):
            budget.first(tenant, "one", now)
            log.firsts.append((now, tenant))
        for _ in range(retries):
            if budget.take(tenant, "one", now):
                log.retries.append((now, tenant))
                log.check_granted(tenant, now)
            else:
                log.check_withheld(tenant, now)


def test_a_single_tenant_under_light_load_loses_no_retry() -> None:
    """A call every five seconds, each of which is retried twice: a percentage alone would allow none."""
    budget = RetryBudget()
    for call in range(100):
        budget.first("acme", "one", call * 5.0)
        assert budget.take("acme", "one", call * 5.0 + 0.5)
        assert budget.take("acme", "one", call * 5.0 + 1.5)


def test_one_retry_per_window_is_always_possible() -> None:
    """A small share of little is not nothing."""
    budget = RetryBudget(ratio=0.01, per_second=0)
    assert [budget.take("acme", "one", now) for now in (0.0, 5.0, 12.0)] == [True, False, True]


def test_one_tenant_cannot_use_up_the_retries_of_all() -> None:
    """Once half of the budget is used, each gets its own share, and one more."""
    budget = RetryBudget()
    for _ in range(20):
        budget.first("loud", "one", 0.0)
    assert sum(budget.take("loud", "one", 0.0) for _ in range(20)) == 7
    assert sum(budget.take("quiet", "one", 0.1) for _ in range(20)) == 1
    assert [budget.take(f"other-{number}", "one", 0.2) for number in range(7)] == [True] * 6 + [False]


def test_each_provider_has_a_budget_of_its_own() -> None:
    """An outage of one takes nothing from another."""
    budget = RetryBudget()
    while budget.take("acme", "one", 0.0):
        pass
    assert budget.take("acme", "two", 0.0)


def test_only_tenants_that_have_retried_lately_are_kept() -> None:
    """A few bytes each, in limited number, and none of them for long."""
    budget = RetryBudget(ratio=1e9)
    for number in range(100):
        budget.first(f"idle-{number}", "one", 0.0)
    state = budget._providers["one"]
    assert len(state.tenants) == 0
    names = [f"tenant-{number}" for number in range(MAX_TENANTS + 100)]
    tracemalloc.start()
    for name in names:
        assert budget.take(name, "one", 1.0)
    each = tracemalloc.get_traced_memory()[0] / MAX_TENANTS + sys.getsizeof(names[-1])
    tracemalloc.stop()
    assert len(state.tenants) == MAX_TENANTS
    assert each <= 250
    for now in (11.0, 30.0):
        budget.first("idle", "one", now)
    assert len(state.tenants) + len(state.tenants_before) == 0


def test_a_clock_that_starts_again_neither_blocks_nor_blesses_it_for_ever() -> None:
    """The clock of another event loop may be far behind."""
    budget = RetryBudget()
    for start in (1e6, 0.0):
        assert sum(budget.take(f"{number}", "one", start) for number in range(50)) == 10
        assert sum(budget.take(f"{number}", "one", start + 11) for number in range(50)) == 10


@pytest.mark.parametrize("settings", [{"ratio": -1}, {"window": 0}, {"per_second": float("inf")}])
def test_it_rejects_settings_that_mean_nothing(settings: dict[str, Any]) -> None:
    """By the name of the setting."""
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        RetryBudget(**settings)
    with pytest.raises(ConfigurationError, match="budget"):
        Retry(budget=3)  # type: ignore[arg-type]
