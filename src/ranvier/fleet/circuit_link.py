"""What one worker says about one shared circuit, and what it hears of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from ranvier.facts.circuit import CLOSED
from ranvier.fleet.outbox import Heard
from ranvier.fleet.probes import Probes
from ranvier.fleet.voice import Voice
from ranvier.pipeline.sharing.fleet import Ballot, CircuitLink, Linked
from ranvier.pipeline.sharing.words import CircuitWord
from ranvier.store.commands import CircuitCommand
from ranvier.store.commands.circuits import (
    Alarm,
    CircuitKey,
    CircuitReply,
    CircuitView,
    Count,
    Disprove,
    Isolate,
    Prove,
    Reset,
    Rules,
    TenantCount,
)

MAX_COUNTED = 256
"""Tenants in one command."""

OBSERVED = "observed"


class StoreLink(CircuitLink):
    """The link of one circuit.

    Attributes:
        key: The circuit.
        view: How it is in the store, as far as known.
        watching: True while it is closed and all workers report their counts.
        retired: True once another circuit of that name has a link.
        probes: The probes that the store has let start.
    """

    def __init__(self, member: Voice, circuit: Linked, ballot: Ballot) -> None:
        self.key = CircuitKey(*circuit.key)
        self.member, self._circuit, self._ballot = member, circuit, ballot
        self.view: CircuitView | None = None
        self.watching = self.retired = False
        self.probes = Probes(self)
        self._half = 0  # the half that is counted, while watching
        self._alarmed = False  # an alarm of ours is on its way
        self._changed: dict[Hashable, None] = {}  # voters whose counts are to be reported
        self._digests: dict[Hashable, str] = {}  # while watching

    # --- reading ---------------------------------------------------------------------------------

    @property
    def governs(self) -> bool:
        """True while the store can be reached, so that its word decides."""
        return self.member.governs and not self.retired

    @property
    def generation(self) -> int:
        """The generation in the store; 0 if it is not known."""
        return 0 if self.view is None else self.view.generation

    @property
    def troubled(self) -> bool:
        """True if the store may have something new to say about it."""
        view = self.view
        suspected = view is not None and (view.state is not CLOSED or view.alarmed)
        return suspected or not self._circuit.closed

    @property
    def rules(self) -> Rules:
        """The settings, as they are sent."""
        rules = self._circuit.rules
        cooldowns = round(rules.cooldown * 1000), round(rules.max_cooldown * 1000)
        return Rules(rules.votes, rules.share, *cooldowns, rules.max_probes, rules.mode == OBSERVED)

    @property
    def jitter(self) -> int:
        """Thousandths to add to a cooldown."""
        return round(200 * self._circuit.rules.rng())

    # --- speaking --------------------------------------------------------------------------------

    def say(self, command: CircuitCommand) -> None:
        """Send a command, and hear its reply."""
        self.member.say(command, self.replied)

    def bits(self, voter: Hashable) -> int:
        """The last digits of the digest of `voter`."""
        return int(self._digest(voter)[-8:], 16)

    def _digest(self, voter: Hashable) -> str:
        digest = self._digests.get(voter)
        if digest is None:
            digest = self.member.digest(str(voter))
            if self.watching:
                self._digests[voter] = digest
        return digest

    def failed(self) -> None:
        """A failure or a silence: raise an alarm, if there is none."""
        if self.governs and not self.watching and not self._alarmed:
            self._alarmed = True
            self.say(Alarm(self.key, self.member.worker.id, self.generation))

    def counted(self, voter: Hashable, *, urgent: bool) -> None:
        """The counts of `voter` have changed: report them now, or with the next heartbeat."""
        if self.watching:
            self._changed[voter] = None
            if urgent:
                self.member.outbox.wake()

    def counts(self) -> Iterator[tuple[Count, Heard]]:
        """What is to be reported. Called once a second also if that is nothing: it ends halves."""
        changed, self._changed = self._changed, {}
        halves: tuple[list[TenantCount], list[TenantCount]] = [], []
        assert self.view is not None
        sample = max(self.view.sample, 1)
        for voter in changed:
            if self.bits(voter) % sample == 0:
                age, contents, failures = self._ballot.tally(voter)
                halves[age].append(TenantCount(self._digest(voter), contents, failures))
        for age, counts in enumerate(halves):
            for start in range(0, len(counts), MAX_COUNTED):
                yield self._count(age, counts[start : start + MAX_COUNTED]), self.count_replied

    def empty_count(self) -> tuple[Count, Heard]:
        """A count of nothing: the store ends a half only when it is asked."""
        return self._count(0, ()), self.replied

    def _count(self, age: int, counts: list[TenantCount] | tuple[()]) -> Count:
        assert self.view is not None
        return Count(
            self.key,
            self.member.worker.id,
            self.view.generation,
            self.view.half - age,
            tuple(counts),
            self.rules,
            self.jitter,
        )

    @property
    def has_changed(self) -> bool:
        """True if counts are to be reported."""
        return bool(self._changed)

    def report_again(self) -> None:
        """Report all counts that still count: the store is a new one, or was out of reach."""
        if self.watching:
            self._changed.update(dict.fromkeys(self._ballot.recent()))
        elif self._ballot.failing:
            self.failed()

    async def ask(self, probe: object, lease: float, seconds: float) -> bool | None:
        """Whether `probe` may start: see `Probes.ask`."""
        return await self.probes.ask(probe, lease, seconds)

    def sent(self, probe: object) -> None:
        """The request of `probe` is sent."""
        self.probes.sent(probe)

    def left(self, probe: object) -> None:
        """The attempt of `probe` has ended."""
        self.probes.left(probe)

    def proved(self, probe: object) -> None:
        """Content has closed the circuit here: close it everywhere."""
        lease = self.probes.take(probe)
        number, generation = (0, self.generation) if lease is None else (lease.number, lease.generation)
        observed = self._circuit.rules.mode == OBSERVED
        self.say(Prove(self.key, self.member.worker.id, generation, number, observed))

    def disproved(self) -> None:
        """A call has failed, and the circuit is only observed."""
        self.say(Disprove(self.key, self.member.worker.id, self.generation, self.rules, self.jitter))

    def isolate(self) -> None:
        """An operator has isolated the circuit."""
        self.member.command(self.key, Isolate(self.key, self.member.worker.id), self.replied)

    def reset(self) -> None:
        """An operator has closed the circuit."""
        self.member.command(self.key, Reset(self.key, self.member.worker.id), self.replied)

    # --- hearing ---------------------------------------------------------------------------------

    def replied(self, reply: CircuitReply) -> None:
        """The reply to a command."""
        self._alarmed = False
        self.member.hear(reply.circuit)

    def count_replied(self, reply: CircuitReply) -> None:
        """The reply to counts: those of a half that is over are reported again, after an alarm if need be."""
        self.replied(reply)
        if not reply.accepted and reply.circuit.state is CLOSED:
            self.report_again()

    def hear(self, view: CircuitView, *, again: bool) -> None:
        """`view` is the state in the store. `again`: the store was out of reach, or is a new one."""
        known, self.view = self.view, view
        older = known is not None and (view.generation, view.step) < (known.generation, known.step)
        if older and view.generation and not again:
            self.view = known
            return
        both_closed = view.state is CLOSED and (known is None or known.state is CLOSED)
        renewed = not both_closed and (known is None or known.generation != view.generation)
        self._circuit.hear(self._word(view, renewed=renewed, again=again))
        self._watch(view)

    def _word(self, view: CircuitView, *, renewed: bool, again: bool) -> CircuitWord:
        rules = self._circuit.rules
        longest = 1.2 * max(rules.cooldown, rules.max_cooldown)
        retry_in = min(max((view.retry_after or 0) / 1000, 0.0), longest)
        return CircuitWord(view.state, renewed, retry_in, view.failing, view.active, keeps_votes=again)

    def _watch(self, view: CircuitView) -> None:
        before, self.watching = self.watching, view.alarmed and view.state is CLOSED
        if self.watching and not before:
            self._half = view.half
            self._ballot.watch(on=True)
            self.report_again()
            self.member.outbox.wake()
        elif before and not self.watching:
            self.forget()
        elif self.watching and view.half > self._half:
            for _ in range(min(view.half - self._half, 2)):
                self._ballot.turn(self.member.clock())
            self._half = view.half

    def forget(self) -> None:
        """No counts are reported any more."""
        self.watching = self._alarmed = False
        self._changed, self._digests = {}, {}
        self._ballot.watch(on=False)

    def forget_view(self) -> None:
        """The store may not have the data that it had, nor the alarm."""
        self.view = None
        if self.watching:  # a push may have come before we knew
            self.forget()

    def alone(self) -> None:
        """The store cannot be reached; what it knew may be lost."""
        self.probes.forget()
        self.forget()
