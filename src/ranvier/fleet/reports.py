"""Reports one worker's votes on a shared circuit: first an alarm, then counts."""

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
"""Maximum number of tenants in one command."""

GOOD_FIRST = 0.02
"""In the first seconds after an alarm, only tenants for which the target works are reported. Otherwise the
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
        self._half = 0  # the current half, while watching
        self._alarmed = self._alarm_is_due = False  # an alarm is in flight, or has to be sent
        self._changed: dict[Hashable, None] = {}  # voters whose counts have to be reported
        self._sample = 1  # the store's sample in the last full report
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
        """Report all counts of the current window, because the store was unreachable or is a new one."""
        if self.watching:
            self._changed.update(dict.fromkeys(self._ballot.recent()))
        elif self._ballot.failing:
            self.failed()

    # --- what is sent --------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """True if an alarm or counts have to be sent."""
        return self._alarm_is_due or bool(self._changed)

    def news(self) -> Iterator[tuple[Command, OnReply]]:
        """The commands for the alarm and the counts, built when they are sent: a full queue drops none."""
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
        """The counts for the heartbeat; empty ones too, because the store ends a half only on a command."""
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
        """Handle a reply: counts of a half that has ended are reported again, after an alarm if needed."""
        self._link.replied(reply)
        if not reply.accepted and reply.circuit.state is CLOSED:
            self.again()

    def follow(self, view: CircuitView, *, anew: bool) -> None:
        """Take over the circuit's state in the store; `anew` if it has another generation than before."""
        before, self.watching = self.watching, view.alarmed and view.state is CLOSED
        if before and not self.watching:
            self.forget()
        elif self.watching:
            begins = anew or not before  # with an empty window in the store
            if begins:
                self._half = view.half
                self._ballot.watch(on=True)
            for _ in range(min(view.half - self._half, 2)):
                self._ballot.turn(self._link.member.clock())
            wider = view.sample < self._sample
            self._half, self._sample = view.half, view.sample
            if wider or begins:
                self._report_all()

    def _report_all(self) -> None:
        member = self._link.member
        self._holds_until = member.clock() + GOOD_FIRST
        self.again()
        member.outbox.wake()
        member.loop.call_later(GOOD_FIRST, member.outbox.wake)

    def forget(self) -> None:
        """Stop reporting counts."""
        watched, self.watching = self.watching, False
        self._alarmed = self._alarm_is_due = False
        self._changed = {}
        if watched:
            self._ballot.watch(on=False)
