"""Counts one vote per tenant, from the reports of many workers, in a window of two halves.

A worker reports totals per tenant and half, which replace its earlier ones, so that a repeated report is
harmless. A report takes O(1): each tenant's total is kept beside the counts of each worker. When a half ends,
the current half becomes the past one.
"""

from __future__ import annotations

from typing import NamedTuple

from ranvier.store.commands.circuits import TenantCount
from ranvier.store.engine.limits import (
    ENOUGH_VOTERS,
    HALF,
    LONGEST_HALF,
    MAX_COUNTS,
    MAX_SAMPLE,
    MAX_VOTERS,
    WIDENS_AFTER,
)


class Tally(NamedTuple):
    """The numbers of contents and failures of a tenant, at one worker or at all."""

    contents: int
    failures: int

    @property
    def vote(self) -> bool | None:
        """True votes against the target, false for it; `None` means no vote."""
        return None if self == NONE else self.failures > self.contents


NONE = Tally(0, 0)

Counts = dict[tuple[str, str], Tally]
"""Tallies by tenant and worker; the worker `""` has the tenant's total. `NONE` tallies are left out."""


class Votes:
    """The votes on one target.

    Attributes:
        half: The number of the current half.
        sample: Only tenants whose digests are multiples of it vote.
        active, failing: The tenants that vote, and those that vote against the target; the latest half in
            which a tenant appears counts.
    """

    def __init__(self) -> None:
        self.half = 0
        self.sample = 1
        self.started_at = 0  # when the current half began
        self.widens_at = 0  # when the sample may be widened
        self.active = self.failing = 0
        self.now_active = self.now_failing = 0  # `active` and `failing` of the current half alone
        self.now_failures = self.past_failures = 0  # the failures in each half, of all tenants
        self.now: Counts = {}
        self.past: Counts = {}

    def start(self, ms: int) -> None:
        """Start an empty window; counts of earlier halves are not accepted any more."""
        self.drop()
        self.half += 2
        self.sample = 1
        self.started_at, self.widens_at = ms, ms + WIDENS_AFTER
        self.active = self.failing = 0
        self.now_active = self.now_failing = self.now_failures = self.past_failures = 0

    def begin(self, voters: int, ms: int) -> None:
        """Start an empty window, with a sample small enough for `voters` tenants."""
        self.start(ms)
        self.sample = _power_of_2(min(max(voters, 0) // MAX_VOTERS, MAX_SAMPLE))

    def drop(self) -> None:
        """Forget the counts; keep the numbers, for operators."""
        self.now, self.past = {}, {}

    # --- counting --------------------------------------------------------------------------------

    def count(self, worker: str, half: int, report: TenantCount) -> None:
        """Replace the counts that `worker` reported for a tenant in the current or the past half."""
        counts = self.now if half == self.half else self.past
        mine = counts.get((report.tenant, worker), NONE)
        tally = Tally(report.contents, report.failures)
        if tally == mine or not self._takes(report.tenant, counts, isnew=mine == NONE):
            return
        total = counts.get((report.tenant, ""), NONE)
        after = Tally(
            total.contents + tally.contents - mine.contents, total.failures + tally.failures - mine.failures
        )
        _put(counts, (report.tenant, worker), tally)
        _put(counts, (report.tenant, ""), after)
        self._changed(report.tenant, counts is self.now, total, after)

    def _changed(self, tenant: str, current: bool, before: Tally, after: Tally) -> None:
        """Update the numbers of voters after a tenant's total in one half has changed."""
        hidden = (self.past if current else self.now).get((tenant, ""), NONE).vote
        if current:
            self.now_failures += after.failures - before.failures
            self.now_active += (after.vote is not None) - (before.vote is not None)
            self.now_failing += (after.vote is True) - (before.vote is True)
        else:
            self.past_failures += after.failures - before.failures
            if hidden is not None:  # it votes in the current half
                return
        was, now = (hidden if each.vote is None else each.vote for each in (before, after))
        self.active += (now is not None) - (was is not None)
        self.failing += (now is True) - (was is True)

    # --- the sample ------------------------------------------------------------------------------

    def _takes(self, tenant: str, counts: Counts, *, isnew: bool) -> bool:
        """True if the tenant is in the sample and its counts fit."""
        voter = (tenant, "") not in counts and counts is self.now
        full = isnew and (len(counts) >= MAX_COUNTS or (voter and self.now_active >= MAX_VOTERS))
        if full and not _number(tenant) % self.sample and self.sample < MAX_SAMPLE:
            self._narrow()
        return not _number(tenant) % self.sample and not (isnew and len(counts) >= MAX_COUNTS)

    def _narrow(self) -> None:
        """Halve the sample."""
        self.sample *= 2
        for counts in (self.now, self.past):
            for key in [each for each in counts if _number(each[0]) % self.sample]:
                del counts[key]
        now, past = _totals(self.now), _totals(self.past)
        self.now_active, self.now_failing = _voters(now)
        self.active, self.failing = _voters({**past, **now})
        self.now_failures = sum(each.failures for each in now.values())
        self.past_failures = sum(each.failures for each in past.values())

    def widen(self, ms: int) -> bool:
        """Widen a sample that is too small, if more counts fit. True if all workers must report again."""
        room = MAX_COUNTS // max(len(self.now), len(self.past), 1)
        factor = min(self.sample, ENOUGH_VOTERS // max(self.active, 1), room)
        if factor < 2 or ms < self.widens_at:
            return False
        self.sample //= _power_of_2(factor)
        self.widens_at = ms + WIDENS_AFTER
        return True

    # --- the window ------------------------------------------------------------------------------

    def begin_anew(self, ms: int) -> None:
        """Clear both halves if the current one is older than two halves, or if counts were lost."""
        self.started_at = min(self.started_at, ms)  # the clock was set back
        self.widens_at = min(self.widens_at, ms + WIDENS_AFTER)
        lost = (self.now_active and not self.now) or (self.active > self.now_active and not self.past)
        if lost or ms - self.started_at >= 2 * LONGEST_HALF:
            sample = self.sample
            self.start(ms)
            self.sample = sample

    def turn(self, ms: int, quorum: int) -> bool:
        """End the current half if it is due. True if neither it nor the past half had a failure."""
        age = ms - self.started_at
        if age < HALF or (age < LONGEST_HALF and self.now_active < quorum):
            return False
        clean = self.now_failures == 0 == self.past_failures
        self.half += 1
        self.started_at = ms
        self.now, self.past = {}, self.now
        self.active, self.failing = self.now_active, self.now_failing
        self.past_failures = self.now_failures
        self.now_active = self.now_failing = self.now_failures = 0
        return clean


def _put(counts: Counts, key: tuple[str, str], tally: Tally) -> None:
    if tally == NONE:
        counts.pop(key, None)
    else:
        counts[key] = tally


def _totals(counts: Counts) -> dict[str, Tally]:
    return {tenant: tally for (tenant, worker), tally in counts.items() if not worker}


def _voters(totals: dict[str, Tally]) -> tuple[int, int]:
    """The number of tenants that vote, and of those that vote against the target."""
    return len(totals), sum(each.vote is True for each in totals.values())


def _power_of_2(number: int) -> int:
    """The largest power of 2 that is at most `number`, but at least 1."""
    return 1 << max(number.bit_length() - 1, 0)


def _number(tenant: str) -> int:
    """The lowest bits of the digest as a number, enough for any sample."""
    try:
        return int(tenant[-8:], 16)
    except ValueError:
        return 0
