"""Counts one vote per tenant on one target, in a window of two halves.

A voter is a tenant. Python keys the hashes of strings with a secret of the process, so tenants cannot choose
a name that is in the sample. Each operation takes amortized O(1): when a half ends, each voter in it is
recounted once. Pure: the caller passes the time.

If workers share a store, counts are reported while the target is watched, and the store ends the halves.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from ranvier.layers.breaker.shared.silences import GONE, WAITING, Silence, Silences
from ranvier.pipeline.sharing.fleet import CircuitLink
from ranvier.pipeline.sharing.single_worker import NO_LINK

HALF = 5.0
"""The minimum length of a half in seconds; it ends then if it has enough voters."""

LONGEST_HALF = 150.0
"""The maximum length of a half in seconds; it ends then with any number of voters."""

MAX_VOTERS = 1024
"""Maximum number of voters counted in a half; of more voters, a sample votes, chosen by hash."""

GOOD = 1 << 32
"""A tally is `GOOD * contents + failures`: one small integer per voter."""

FAILURES = GOOD - 1


class Votes:
    """The votes on one target.

    Attributes:
        link: Receives the counts while they are watched, and chooses the sample.
        active: Voters with an outcome or a silence in either half.
        failing: The active voters that vote against the target: most of their calls failed or are silent, in
            the latest half in which they appear.
    """

    __slots__ = (
        "_half",
        "_now",
        "_past",
        "_quorum",
        "_sample",
        "_silences",
        "_started_at",
        "_turns_at",
        "_waiting",
        "_watched",
        "active",
        "failing",
        "link",
    )

    def __init__(self, quorum: int) -> None:
        self._quorum = quorum
        self._now: dict[Hashable, int] = {}  # the tallies of the current half, by voter
        self._past: dict[Hashable, int] = {}  # the tallies of the past half
        self._half = 0  # the number of the current half
        self._started_at = self._turns_at = -math.inf
        self._waiting: dict[Hashable, int] = {}  # silences of attempts in flight; they count in this half
        self._silences = Silences()
        self._sample = 0  # a voter votes if its hash has none of these bits
        self._watched = False  # true while counts are reported, and the store ends the halves
        self.link: CircuitLink = NO_LINK
        self.active = self.failing = 0

    def follow(self, quorum: int) -> None:
        """Change the quorum."""
        self._quorum = quorum

    # --- outcomes --------------------------------------------------------------------------------

    def content(self, voter: Hashable, began: float, now: float) -> None:
        """An attempt of `voter` that began at `began` had its first content."""
        silences = self._silences
        if began > silences.latest:
            if voter != silences.leader:
                silences.second, silences.leader = silences.latest, voter
            silences.latest = began
        elif began > silences.second and voter != silences.leader:
            silences.second = began
        if silences.heap or silences.leaders:
            for silence in silences.take_overtaken():
                self.retract(silence)
        if now >= self._turns_at:
            self._turn(now)
        tally = self._now.get(voter)
        if tally is None or tally & FAILURES or self._waiting:
            self._count(voter, GOOD)
        else:  # the usual case: the vote stays the same
            self._now[voter] = tally + GOOD
            if self._watched:
                self.link.counted(voter, urgent=False)

    def failed(self, voter: Hashable, now: float) -> None:
        """An attempt of `voter` failed."""
        if now >= self._turns_at:
            self._turn(now)
        self._count(voter, 1)

    def broke(self, voter: Hashable, now: float) -> None:
        """An attempt of `voter` failed after its content was counted: take the content back."""
        if now >= self._turns_at:
            self._turn(now)
        self._count(voter, 1 - GOOD if self._now.get(voter, 0) >= GOOD else 1)

    # --- silences --------------------------------------------------------------------------------

    def silent(self, voter: Hashable, began: float, now: float) -> Silence | None:
        """An attempt of `voter` passed its hang threshold; `None` if that does not count.

        The silence counts until it is taken back, or until the half after the one in which it ends.
        """
        if self._silences.overtaken(voter, began):
            return None
        if now >= self._turns_at:
            self._turn(now)
        if not self._sampled(voter) or not self._silences.has_room():
            return None
        if voter not in self._waiting and len(self._waiting) >= MAX_VOTERS:
            self._narrow()
            if not self._sampled(voter):
                return None
        before = self._vote(voter)
        self._waiting[voter] = self._waiting.get(voter, 0) + 1
        self._changed(voter, before)
        silence = Silence(voter, began)
        self._silences.add(silence)
        return silence

    def end(self, silence: Silence, now: float) -> None:
        """The attempt ended without content: its silence counts like a failure from now on."""
        if now >= self._turns_at:
            self._turn(now)
        if silence.half == WAITING:
            self._stop_waiting(silence.voter)
            silence.half = self._half
            self._silences.settled += 1
            self._count(silence.voter, 1)

    def retract(self, silence: Silence) -> None:
        """Take a silence back: its attempt had content or another answer, or was overtaken."""
        half, silence.half = silence.half, GONE
        self._silences.settled += 1
        if half == WAITING:
            self._stop_waiting(silence.voter)
        elif half == self._half:
            self._take_back(silence.voter, self._now)
        elif half == self._half - 1:
            self._take_back(silence.voter, self._past)

    def _stop_waiting(self, voter: Hashable) -> None:
        before = self._vote(voter)
        left = self._waiting.pop(voter, 1) - 1
        if left:
            self._waiting[voter] = left
        self._changed(voter, before)

    def _take_back(self, voter: Hashable, half: dict[Hashable, int]) -> None:
        before = self._vote(voter)
        if half[voter] == 1:
            del half[voter]
        else:
            half[voter] -= 1
        self._changed(voter, before)

    # --- counting --------------------------------------------------------------------------------

    def _vote(self, voter: Hashable) -> bool | None:
        """True against the target, false for it, `None` for no vote."""
        tally, waiting = self._now.get(voter), self._waiting.get(voter, 0)
        if tally is None:
            if waiting:
                return True
            tally = self._past.get(voter)
            if tally is None:
                return None
        return (tally & FAILURES) + waiting > tally // GOOD

    def _count(self, voter: Hashable, by: int) -> None:
        """Add `by` to the tally of `voter` in the current half."""
        if voter not in self._now and len(self._now) >= MAX_VOTERS and self._sampled(voter):
            self._narrow()
        if not self._sampled(voter):
            return
        before = self._vote(voter)
        self._now[voter] = self._now.get(voter, 0) + by
        self._changed(voter, before)

    def _changed(self, voter: Hashable, before: bool | None) -> None:
        """The counts of `voter` have changed; its vote was `before`."""
        after = self._vote(voter)
        if before is not after:
            self.failing += (after is True) - (before is True)
            self.active += (after is not None) - (before is not None)
        if self._watched:
            self.link.counted(voter, urgent=before is not after or after is True)

    def _sampled(self, voter: Hashable) -> bool:
        return not self._sample or not self.link.bits(voter) & self._sample

    def _recount(self) -> None:
        votes = [self._vote(voter) for voter in {**self._past, **self._now, **self._waiting}]
        self.active, self.failing = len(votes), sum(vote is True for vote in votes)

    def _counts(self, silence: Silence) -> bool:
        return silence.half == WAITING or silence.half >= self._half - 1

    # --- the window ------------------------------------------------------------------------------

    def _turn(self, now: float) -> None:
        """End the current half, if it may end."""
        if self._watched:
            return
        age = now - self._started_at
        if age < LONGEST_HALF and len(self._now) < self._quorum:
            return
        self._begin_half(now, stale=age >= 2 * LONGEST_HALF)  # an empty half has passed since then

    def _begin_half(self, now: float, *, stale: bool = False) -> None:
        if self._sample and len(self._now) < MAX_VOTERS // 4:
            self._sample >>= 1
        self._past, self._now = {} if stale else self._now, {}
        self._half += 2 if stale else 1
        self._started_at, self._turns_at = now, now + HALF
        self._silences.keep(self._counts)
        self._recount()

    def _narrow(self) -> None:
        """Halve the sample."""
        self._sample = self._sample * 2 + 1
        for voters in (self._now, self._past, self._waiting):
            for voter in [each for each in voters if not self._sampled(each)]:
                del voters[voter]
        self._silences.keep(self._votes_still)
        self._recount()

    def _votes_still(self, silence: Silence) -> bool:
        if not self._sampled(silence.voter):
            silence.half = GONE
        return silence.half != GONE

    def clear(self) -> None:
        """Drop every vote; silences of attempts in flight stop counting as well."""
        for voters in (self._now, self._past, self._waiting):
            voters.clear()
        self._silences.keep(_forget)
        self._started_at = self._turns_at = -math.inf
        self.active = self.failing = 0


def _forget(silence: Silence) -> bool:
    silence.half = GONE
    return False
