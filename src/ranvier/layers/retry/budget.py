"""Limits the retries at each provider, so that retries cannot multiply an outage.

After the retry budgets of Finagle and tower: retries are a share of the first attempts, plus a few per second
for light load. Pure: the caller passes the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.timing.sliding_counts import SlidingCounts

FIRSTS, RETRIES = 0, 1
"""The kinds that are counted."""

OPEN_TO_ALL = 0.5
"""The part of a provider's budget that any tenant may use; of the rest, each gets only its own share."""

MAX_TENANTS = 5_000
"""Maximum number of tenants per window and provider with their own share; others share the whole budget."""


class RetryBudget:
    """Retries per provider, over all tenants: a share of the first attempts, and a few per second.

    Args:
        ratio: Retries per first attempt within the window.
        per_second: Further retries per second, on average over the window. At least one retry per window
            is always possible.
        window: Seconds for which first attempts and retries count.

    While half of the budget is left, any tenant may retry. After that, a tenant gets at most `ratio` times
    its own first attempts, plus one, so that a single tenant cannot use up the retries of all.

    Attributes:
        workers: The number of live workers of the service; each gets its part of `per_second`.
    """

    def __init__(self, ratio: float = 0.2, per_second: float = 1.0, window: float = 10.0) -> None:
        self.ratio = validation.number("RetryBudget(ratio)", ratio)
        self.per_second = validation.number("RetryBudget(per_second)", per_second)
        self.window = validation.number("RetryBudget(window)", window)
        if self.window == 0:
            raise ConfigurationError("RetryBudget(window)=0: give more than 0 seconds")
        self.workers = 1
        self._providers: dict[str, _Provider] = {}

    def take_over(self, before: RetryBudget) -> None:
        """Share the counts of `before`, if its windows have the same length."""
        if before.window == self.window:
            self._providers = before._providers

    def first(self, tenant: str, provider: str, now: float) -> None:
        """Count a first attempt of `tenant` at `provider`."""
        state = self._providers.get(provider)
        if state is None:
            state = self._providers[provider] = _Provider(self.window)
        state.counts.add(FIRSTS, now)
        if state.tenants or state.tenants_before:
            state.count_first_of(tenant, now)

    def take(self, tenant: str, provider: str, now: float) -> bool:
        """True if `tenant` may retry at `provider` now; the retry is counted then."""
        state = self._providers.get(provider)
        if state is None:
            state = self._providers[provider] = _Provider(self.window)
        state.roll(now)
        firsts, retries = state.counts.totals
        allowed = self._allowed(firsts)
        contested = retries >= allowed * OPEN_TO_ALL
        if retries + 1 > allowed or (contested and state.exceeds(tenant, self.ratio)):
            state.withheld += 1
            return False
        state.counts.add(RETRIES, now)
        state.count_retry_of(tenant)
        return True

    def _allowed(self, firsts: int) -> float:
        return max(1.0, self.ratio * firsts + self.per_second * self.window / self.workers)

    def status(self, now: float) -> Iterator[str]:
        """The used part of the budget at each provider with retries, or withheld retries, in the window."""
        for provider, state in list(self._providers.items()):
            state.roll(now)
            firsts, retries = state.counts.totals
            if retries or state.withheld:
                yield (
                    f"{provider}: {retries} of {self._allowed(firsts):.0f} retries used in the last "
                    f"{self.window:g} s, {state.withheld} withheld so far"
                )

    def __repr__(self) -> str:
        return f"RetryBudget(ratio={self.ratio!r}, per_second={self.per_second!r}, window={self.window!r})"


class _Provider:
    """The counts of one provider, and of the tenants that have retried there lately.

    Tenants are kept for the rest of a window and the next one. So a tenant's retries count for at least one
    window, and longer than those of the provider.
    """

    __slots__ = ("_until", "_window", "counts", "tenants", "tenants_before", "withheld")

    def __init__(self, window: float) -> None:
        self._window = window
        self._until = -math.inf  # when `tenants` become `tenants_before`
        self.counts = SlidingCounts(2, window)
        self.tenants: dict[str, _Share] = {}
        self.tenants_before: dict[str, _Share] = {}
        self.withheld = 0

    def roll(self, now: float) -> None:
        """Drop counts that are too old."""
        self.counts.roll(now)
        self._roll_tenants(now)

    def _roll_tenants(self, now: float) -> None:
        until, window = self._until, self._window
        if until - 2 * window <= now < until:
            return
        successive = until <= now < until + window
        self.tenants_before = self.tenants if successive else {}
        self.tenants = {}
        self._until = until + window if successive else now + window

    def exceeds(self, tenant: str, ratio: float) -> bool:
        """True if another retry would exceed the share of `tenant`."""
        shares = [each[tenant] for each in (self.tenants, self.tenants_before) if tenant in each]
        return sum(share.retries for share in shares) > ratio * sum(share.firsts for share in shares)

    def count_first_of(self, tenant: str, now: float) -> None:
        """Count a first attempt, if `tenant` has retried lately."""
        if now >= self._until:
            self._roll_tenants(now)
        share = self.tenants.get(tenant) or self.tenants_before.get(tenant)
        if share is not None:
            share.firsts += 1

    def count_retry_of(self, tenant: str) -> None:
        """Count a retry."""
        share = self.tenants.get(tenant)
        if share is None:
            if len(self.tenants) >= MAX_TENANTS:
                return
            share = self.tenants[tenant] = _Share()
            share.firsts = 0 if tenant in self.tenants_before else 1  # before that, they were not counted
        share.retries += 1


class _Share:
    """The attempts of one tenant since its first retry."""

    __slots__ = ("firsts", "retries")

    def __init__(self) -> None:
        self.firsts = self.retries = 0


DEFAULT_BUDGET = RetryBudget()
"""Means "a new budget with these settings". It is never used itself, because pipelines would share it."""
