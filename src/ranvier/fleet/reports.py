"""What one worker reports of the votes on one shared circuit: an alarm, and from then on counts."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING

from ranvier.facts.circuit import CLOSED
from ranvier.fleet.outbox import OnReply
from ranvier.pipeline.sharing.fleet import Ballot
from ranvier.store.commands import Command
from ranvier.store.commands.circuits import Alarm, CircuitReply, CircuitView, Count, TenantCount

if TYPE_CHECKING:
    from ranvier.fleet.circuit_link import StoreLink

MAX_COUNTED = 256
"""Tenants in one command."""

GOOD_FIRST = 0.02
"""For so many seconds after an alarm only tenants for which the target works are reported. Otherwise the
failures of one worker could open the circuit for all workers before the others have reported."""


class Reports:
    """The reports of one worker about one circuit.

    Attributes:
        watching: True while the circuit is closed and all workers report their counts.
    """

    __slots__ = (
        "_alarm_is_due",
        "_alarmed",
        "_ballot",
        "_changed",
        "_half",
        "_holds_until",
        "_link",
        "_sample",
        "watching",
    )

    def __init__(self, link: StoreLink, ballot: Ballot) -> None:
        self._link, self._ballot = link, ballot
        self.watching = False
        self._half = 0  # the half that is counted, while watching
        self._alarmed = self._alarm_is_due = False  # an alarm is on its way, or is to be raised
        self._changed: dict[Hashable, None] = {}  # voters whose counts are to be reported
        self._sample = 1  # that of the store, by which all were reported
        self._holds_until = 0.0

    # --- what has happened -----------------------------------------------------------------------

    def failed(self) -> None:
        """A failure or a silence: raise an alarm, if there is none."""
        link = self._link
        if link.governs and not self.watching and not self._alarmed:
            self._alarmed = self._alarm_is_due = True
            link.member.outbox.wake()

    def counted(self, voter: Hashable, *, urgent: bool) -> None:
        """The counts of `voter` have changed: report them now, or with the next heartbeat."""
        if self.watching:
            self._changed[voter] = None
            if urgent:
                self._link.member.outbox.wake()

    def again(self) -> None:
        """Report all that still counts: the store is a new one, or was out of reach."""
        if self.watching:
            self._changed.update(dict.fromkeys(self._ballot.recent()))
        elif self._ballot.failing:
            self.failed()

    # --- what is sent --------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """True if there is an alarm to raise, or counts to report."""
        return self._alarm_is_due or bool(self._changed)

    def news(self) -> Iterator[tuple[Command, OnReply]]:
        """The alarm and the counts. They are made when they are sent, so that no full queue drops them."""
        if self._alarm_is_due:
            self._alarm_is_due = False
            yield self._alarm(), self._alarm_replied
        if self.watching:
            yield from self._counts()

    def _alarm(self) -> Alarm:
        link = self._link
        voters = len(list(self._ballot.recent())) * link.member.workers
        return Alarm(link.key, link.member.worker.id, link.generation, voters)

    def beat(self) -> Iterator[tuple[Command, OnReply]]:
        """The counts once a second, or one of nothing: the store ends a half only when it is asked."""
        if self.watching:
            yield from list(self._counts()) or [(self._count(0, ()), self._link.replied)]

    def _counts(self) -> Iterator[tuple[Command, OnReply]]:
        changed, self._changed = self._changed, {}
        halves: tuple[list[TenantCount], list[TenantCount]] = [], []
        link, view = self._link, self._link.view
        assert view is not None
        sample, holds = max(view.sample, 1), link.member.clock() < self._holds_until
        for voter in changed:
            digest = link.member.voter_digest(voter)
            if int(digest[-8:], 16) % sample == 0:
                age, contents, failures = self._ballot.tally(voter)
                if holds and failures > contents:
                    self._changed[voter] = None
                else:
                    halves[age].append(TenantCount(digest, contents, failures))
        for age, counts in enumerate(halves):
            for start in range(0, len(counts), MAX_COUNTED):
                yield self._count(age, counts[start : start + MAX_COUNTED]), self._count_replied

    def _count(self, age: int, counts: list[TenantCount] | tuple[()]) -> Count:
        link, view = self._link, self._link.view
        assert view is not None
        half, who = view.half - age, link.member.worker.id
        return Count(link.key, who, view.generation, half, tuple(counts), link.rules, link.jitter)

    # --- replies ---------------------------------------------------------------------------------

    def _alarm_replied(self, reply: CircuitReply) -> None:
        self._alarmed = False
        self._link.replied(reply)

    def _count_replied(self, reply: CircuitReply) -> None:
        """Counts of a half that is over are reported again, after an alarm if need be."""
        self._link.replied(reply)
        if not reply.accepted and reply.circuit.state is CLOSED:
            self.again()

    def follow(self, view: CircuitView) -> None:
        """The circuit is like that in the store."""
        before, self.watching = self.watching, view.alarmed and view.state is CLOSED
        if before and not self.watching:
            self.forget()
        elif self.watching:
            if not before:
                self._half = view.half
                self._ballot.watch(on=True)
            for _ in range(min(view.half - self._half, 2)):
                self._ballot.turn(self._link.member.clock())
            wider = view.sample < self._sample
            self._half, self._sample = max(view.half, self._half), view.sample
            if wider or not before:
                self._report_all()

    def _report_all(self) -> None:
        member = self._link.member
        self._holds_until = member.clock() + GOOD_FIRST
        self.again()
        member.outbox.wake()
        member.loop.call_later(GOOD_FIRST, member.outbox.wake)

    def forget(self) -> None:
        """No counts are reported any more."""
        watched, self.watching = self.watching, False
        self._alarmed = self._alarm_is_due = False
        self._changed = {}
        if watched:
            self._ballot.watch(on=False)
