"""Shares one shared circuit with the other workers."""

from __future__ import annotations

from collections.abc import Hashable
from zlib import crc32

from ranvier.facts.circuit import CLOSED
from ranvier.fleet.port import MemberPort, milliseconds
from ranvier.fleet.probes import Probes
from ranvier.fleet.reports import Reports
from ranvier.pipeline.sharing.fleet import Ballot, CircuitLink, Linked
from ranvier.pipeline.sharing.updates import CircuitUpdate
from ranvier.store.commands import CircuitCommand
from ranvier.store.commands.circuits import (
    CircuitKey,
    CircuitReply,
    CircuitView,
    Disprove,
    Isolate,
    Prove,
    Reset,
    Rules,
)

OBSERVED = "observed"


class StoreLink(CircuitLink):
    """The link of one circuit.

    Attributes:
        key: The circuit.
        view: The circuit's last known state in the store.
        retired: True once another circuit of the same name has a link.
        reports: Reports this worker's votes on the circuit.
        probes: The probes for which the store has granted a lease.
    """

    def __init__(self, member: MemberPort, circuit: Linked, ballot: Ballot) -> None:
        server, model, tenants_keys = circuit.key
        self.key = CircuitKey(member.server_name(server), model, tenants_keys)
        self.member, self._circuit = member, circuit
        self.view: CircuitView | None = None
        self.retired = False
        self._seed = int(member.digest("the sample")[-8:], 16)  # the same in all workers, as digests are
        self.reports = Reports(self, ballot)
        self.probes = Probes(self)

    # --- reading ---------------------------------------------------------------------------------

    @property
    def governs(self) -> bool:
        """True while the store can be reached: then it decides."""
        return self.member.governs and not self.retired

    @property
    def generation(self) -> int:
        """The generation in the store; 0 if it is not known."""
        return 0 if self.view is None else self.view.generation

    @property
    def troubled(self) -> bool:
        """True if the circuit may have changed in the store."""
        view = self.view
        suspected = view is not None and (view.state is not CLOSED or view.alarmed)
        return suspected or not self._circuit.closed

    @property
    def rules(self) -> Rules:
        """The settings, in the units of the store."""
        rules = self._circuit.rules
        cooldowns = milliseconds(rules.cooldown), milliseconds(rules.max_cooldown)
        return Rules(rules.votes, rules.share, *cooldowns, rules.max_probes, rules.mode == OBSERVED)

    @property
    def jitter(self) -> int:
        """Thousandths to add to a cooldown."""
        return round(200 * self._circuit.rules.rng())

    # --- sending ---------------------------------------------------------------------------------

    def send(self, command: CircuitCommand) -> None:
        """Send a command, and apply its reply."""
        self.member.send(command, self.replied)

    def bits(self, voter: Hashable) -> int:
        """A checksum of `voter`, which calls need often; a digest would take ten times as long."""
        return crc32(str(voter).encode("utf-8", "surrogatepass"), self._seed)

    def failed(self) -> None:
        """A failure or a silence: raise an alarm, if there is none."""
        self.reports.failed()

    def counted(self, voter: Hashable, *, urgent: bool) -> None:
        """The counts of `voter` have changed: report them now, or with the next heartbeat."""
        self.reports.counted(voter, urgent=urgent)

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
        self.send(Prove(self.key, self.member.worker.id, generation, number, observed))

    def disproved(self) -> None:
        """A call has failed, and the circuit is only observed."""
        self.send(Disprove(self.key, self.member.worker.id, self.generation, self.rules, self.jitter))

    def isolate(self) -> None:
        """An operator has isolated the circuit."""
        self.member.command(self.key, Isolate(self.key, self.member.worker.id), self.replied)

    def reset(self) -> None:
        """An operator has closed the circuit."""
        self.member.command(self.key, Reset(self.key, self.member.worker.id), self.replied)

    # --- receiving -------------------------------------------------------------------------------

    def replied(self, reply: CircuitReply) -> None:
        """The reply to a command."""
        self.member.apply(reply.circuit)

    def apply(self, view: CircuitView, *, again: bool) -> None:
        """Take over the state `view` of the store.

        Args:
            view: The circuit in the store.
            again: True if the store was unreachable before, or is a new one.
        """
        known = self.view
        if known is not None and view.generation and _order(view) < _order(known):
            return  # a later one has overtaken it: replies and pushes have connections of their own
        self.view = view
        is_other = known is None or known.generation != view.generation
        both_closed = view.state is CLOSED and (known is None or known.state is CLOSED)
        self._circuit.apply(self._update(view, renewed=is_other and not both_closed, again=again))
        self.reports.follow(view, anew=is_other)

    def _update(self, view: CircuitView, *, renewed: bool, again: bool) -> CircuitUpdate:
        rules = self._circuit.rules
        longest = 1.2 * max(rules.cooldown, rules.max_cooldown)
        retry_in = min(max((view.retry_after or 0) / 1000, 0.0), longest)
        return CircuitUpdate(view.state, renewed, retry_in, view.failing, view.active, keeps_votes=again)

    def forget_view(self) -> None:
        """Forget the state: the store may have lost its data, including the alarm."""
        self.view = None
        self.reports.forget()

    def store_lost(self) -> None:
        """Decide alone: the store cannot be reached, and may lose its data."""
        self.probes.forget()
        self.reports.forget()


def _order(view: CircuitView) -> tuple[int, int, int]:
    """The order of the states of a circuit: each is greater than the one before."""
    return view.generation, view.step, view.half
