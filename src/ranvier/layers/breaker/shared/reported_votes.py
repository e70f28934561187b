"""The votes of one worker on one target, which it reports to the store."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from ranvier.layers.breaker.shared.votes import FAILURES, GOOD, Votes


class ReportedVotes(Votes):
    """Votes whose counts are reported while the target is watched. Pure, like `Votes`."""

    __slots__ = ()

    def watch(self, *, on: bool) -> None:
        """While on, report every change of a count, and end a half only by `turn`."""
        self._watched = on

    def turn(self, now: float) -> None:
        """End the current half. Silences of attempts in flight count in the new half as well."""
        self._begin_half(now)
        for voter in list(self._waiting):
            self.link.counted(voter, urgent=True)

    def recent(self) -> Iterable[Hashable]:
        """The voters of both halves."""
        return {**self._past, **self._now, **self._waiting}

    def tally(self, voter: Hashable) -> tuple[int, int, int]:
        """The age in halves (0 or 1) of the last counts of `voter`, and its contents and failures there."""
        waiting, now = self._waiting.get(voter, 0), self._now.get(voter)
        past = None if now is not None or waiting else self._past.get(voter)
        counted = (now if past is None else past) or 0
        return int(past is not None), max(counted, 0) // GOOD, (counted & FAILURES) + waiting
