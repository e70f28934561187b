"""The probes that one worker sends: no two workers send the same one, as long as they reach the store."""

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
"""Seconds; a lease of a worker that is gone ends after three in any case."""


@dataclass(slots=True)
class Lease:
    """A probe that the store has let start.

    Attributes:
        number, generation: By what the store knows it.
        sent: Its request is sent.
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
        """Ask the store whether `probe` may start; `None` if it does not answer within `seconds`."""
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
        """The attempt of `probe` has ended without content: give its lease back."""
        lease = self.take(probe)
        if lease is not None:
            give_back(self._link, lease)

    def beats(self) -> Iterator[Beat]:
        """They are still in flight."""
        for lease in self._leases.values():
            yield Beat(self._link.key, self._link.member.worker.id, lease.number, lease.generation)

    def forget(self) -> None:
        """The store cannot be reached: their leases end there by themselves."""
        self._leases.clear()


class _Asking:
    """One question to the store, which may be answered when nobody waits for it any more."""

    def __init__(self, link: StoreLink, command: Probe) -> None:
        self._link, self._command = link, command
        self._awaited = True
        self._reply: CircuitReply | None = None

    async def answer(self, probe: object, leases: dict[object, Lease], seconds: float) -> bool | None:
        """Whether `probe` may start; its lease is added to `leases` then."""
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
    """The probe has ended, or never began."""
    link.send(Release(link.key, link.member.worker.id, lease.number, lease.generation, lease.sent))
