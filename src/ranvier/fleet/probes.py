"""The probes of one worker, under leases: while the store is reachable, no two workers send the same one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ranvier.fleet.patience import Patience
from ranvier.fleet.port import milliseconds
from ranvier.store.commands.circuits import Beat, CircuitReply, Probe, Release

if TYPE_CHECKING:
    from ranvier.fleet.circuit_link import StoreLink

LONGEST_LEASE = 3600.0
"""The longest lease in seconds; without heartbeats of its worker, a lease ends after 3 s."""


@dataclass(slots=True)
class Lease:
    """A probe that the store has granted.

    Attributes:
        number, generation: Identify it in the store.
        sent: True once its request is sent.
    """

    number: int
    generation: int
    sent: bool = False


class Probes:
    """The probes of one worker at one circuit."""

    __slots__ = ("_leases", "_link")

    def __init__(self, link: StoreLink) -> None:
        self._link = link
        self._leases: dict[object, Lease] = {}  # by permit

    async def ask(self, probe: object, lease: float, seconds: float) -> bool | None:
        """True if the store grants `probe` a lease; `None` if it does not answer within `seconds`."""
        link = self._link
        member = link.member
        if not link.governs or not member.contact.prompt:
            return None
        number, lives = member.next_number(), milliseconds(min(lease, LONGEST_LEASE))
        command = Probe(link.key, member.worker.id, number, lives, link.rules, link.jitter)
        asking = _Asking(link, command)
        return await asking.answer(probe, self._leases, seconds)

    def take(self, probe: object) -> Lease | None:
        """Forget and return the lease of `probe`, if it has one."""
        return self._leases.pop(probe, None)

    def sent(self, probe: object) -> None:
        """The request of `probe` is sent."""
        lease = self._leases.get(probe)
        if lease is not None:
            lease.sent = True

    def left(self, probe: object) -> None:
        """Release the lease of `probe`, whose attempt has ended without content."""
        lease = self.take(probe)
        if lease is not None:
            give_back(self._link, lease)

    def beats(self) -> Iterator[Beat]:
        """The commands that extend the leases of probes in flight."""
        for lease in self._leases.values():
            yield Beat(self._link.key, self._link.member.worker.id, lease.number, lease.generation)

    def forget(self) -> None:
        """Forget all leases; the store lets them expire."""
        self._leases.clear()


class _Asking:
    """One request for a lease, which may be answered after its call has stopped waiting."""

    def __init__(self, link: StoreLink, command: Probe) -> None:
        self._link, self._command = link, command
        self._awaited = True
        self._reply: CircuitReply | None = None

    async def answer(self, probe: object, leases: dict[object, Lease], seconds: float) -> bool | None:
        """True if `probe` may start; then its lease is in `leases`."""
        member = self._link.member
        task = member.background(self._ask())
        try:
            await Patience(seconds).wait(task)
        finally:  # also if the caller is cancelled
            self._awaited = False
            reply = self._reply
            if reply is not None and reply.accepted:
                leases[probe] = Lease(self._command.number, reply.circuit.generation)
        return None if reply is None else reply.accepted

    async def _ask(self) -> None:
        link = self._link
        replies = await link.member.contact.execute([self._command])
        reply = replies[0] if replies else None
        if not isinstance(reply, CircuitReply):
            return
        try:
            link.replied(reply)
        except Exception as error:  # a reply that is not valid
            link.member.contact.lose(error)
            return
        if self._awaited:
            self._reply = reply
        elif reply.accepted:
            give_back(link, Lease(self._command.number, reply.circuit.generation))


def give_back(link: StoreLink, lease: Lease) -> None:
    """Release the lease of a probe that has ended, or was never sent."""
    link.send(Release(link.key, link.member.worker.id, lease.number, lease.generation, lease.sent))
