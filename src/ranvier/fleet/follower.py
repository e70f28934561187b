"""Synchronizes one worker with the store: connects, sends heartbeats, reads changes, and reconnects."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from ranvier.clock import Clock
from ranvier.fleet.contact import Contact, logger
from ranvier.fleet.outbox import MAX_BATCH, OnReply
from ranvier.store.commands import Change, Command
from ranvier.store.commands.workers import RECENT, Alive, Heartbeat, Look, LookReply, Missed, Trouble
from ranvier.store.protocol import Epoch, Worker

BEAT_SECONDS = 1.0
"""Maximum seconds between two heartbeats; a jitter of up to a fifth keeps workers from sending in step."""

AGAIN_SECONDS = (0.25, 2.0)
"""The first and the longest backoff before reconnecting, in seconds; it doubles, and half of it is random."""

STEADY_SECONDS = 3.0
"""A session must last this long to reset the backoff."""

LONGEST_REST = 10.0
"""The longest backoff while connecting succeeds but sessions do not last, in seconds."""

SPREAD_SECONDS = 1.0
"""When the store is back, the workers' reports are spread over this many seconds."""

MAX_LOOKS = 200
"""Maximum number of consecutive `Look` commands while the store has more changes."""

MAX_KNOWN = 1000
"""Maximum number of circuits and gates named in one `Look`."""


class FollowingMember(Protocol):
    """The part of `Member` that the follower uses; each method is documented there."""

    worker: Worker
    contact: Contact
    clock: Clock
    about: dict[str, str]
    loop: asyncio.AbstractEventLoop

    def apply(self, change: Change, *, again: bool = False) -> None:
        """Take over a state of the store."""

    def is_overtaken(self, change: Change, version: int) -> bool:
        """True if it was not known in this version of the store, and is by now."""

    def lose(self, error: BaseException) -> None:
        """Stop using the store, which sent an invalid reply."""

    def read_counters(self) -> tuple[Mapping[str, int], Mapping[str, int], str]:
        """The counters and gauges of the worker, and its recent numbers as text."""

    def take_commands(self) -> list[tuple[Command, OnReply]]:
        """The commands of operators that were not sent in this session."""

    def beats(self) -> Iterable[tuple[Command, OnReply]]:
        """The commands to send with each heartbeat."""

    def troubled(self) -> list[Trouble]:
        """The circuits and gates that may have changed in the store."""

    def divide(self, workers: int) -> None:
        """Set the number of live workers."""

    def forget(self) -> None:
        """Forget the state of the store, which may have lost its data."""

    def joined(self) -> None:
        """The worker has read the whole state of the store."""

    def report_again(self) -> None:
        """Report all counts of the current window again."""

    async def leave(self, last: Heartbeat) -> None:
        """End the session."""


class Follower:
    """Keeps one worker connected to the store and up to date with it."""

    def __init__(self, member: FollowingMember) -> None:
        self._member = member
        self._missed = asyncio.Event()
        self._seen = 0  # the version in the last reply to `Look`
        self._more = False  # True if that reply left changes out
        self._sums: dict[str, int] = {}  # the counters in the last heartbeat that was answered
        self._report: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Follow the store until cancelled; then leave it."""
        wait, clock = AGAIN_SECONDS[0], self._member.clock
        try:
            while True:
                began = clock()
                joined = await self._safely(self._join())
                while self._member.contact.session is not None:
                    await self._pause()
                    await self._safely(self._beat(again=False))
                if joined and clock() - began >= STEADY_SECONDS:
                    wait = AGAIN_SECONDS[0]
                await asyncio.sleep(wait * (0.5 + random.random() / 2))
                wait = min(2 * wait, LONGEST_REST if joined else AGAIN_SECONDS[1])
        finally:
            if self._report is not None:
                self._report.cancel()
            if not self._member.loop.is_closed():  # otherwise it was dropped with its loop
                await self._member.leave(self._heartbeat())

    async def _safely(self, step: Coroutine[Any, Any, bool]) -> bool:
        """True if `step` succeeds. An exception in it loses the store, but does not end this task."""
        try:
            return await step
        except Exception as error:
            self._member.lose(error)
            return False

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(BEAT_SECONDS * (1 - random.random() / 5)):
                await self._missed.wait()
        except TimeoutError:
            pass
        self._missed.clear()

    def receive(self, change: Change) -> None:
        """Handle a change that the store has pushed."""
        try:
            if isinstance(change, Missed):
                self._missed.set()
            else:
                self._member.apply(change)
        except Exception as error:  # a reply that is not valid
            self._member.lose(error)

    # --- joining ---------------------------------------------------------------------------------

    async def _join(self) -> bool:
        """Connect and read the state of the store; false if that fails."""
        member = self._member
        before = member.contact.epoch
        if not await member.contact.connect(self.receive):
            return False
        epoch = member.contact.epoch
        assert epoch is not None
        if before is None or _other(before, epoch):
            member.forget()
            self._sums = {}
        if before is None or not epoch.same_secret:
            _log_epoch(epoch)
        self._seen = 0
        if not await self._beat(again=True):
            return False
        member.contact.found()
        member.joined()
        if self._report is not None:
            self._report.cancel()
        self._report = member.loop.call_later(SPREAD_SECONDS * random.random(), member.report_again)
        return True

    # --- in step ---------------------------------------------------------------------------------

    async def _beat(self, *, again: bool) -> bool:
        """Send a heartbeat and read the changes; true if the store answers."""
        member = self._member
        heartbeat = self._heartbeat()
        batch = [*member.take_commands(), (heartbeat, self._alive), *member.beats()]
        for _ in range(MAX_LOOKS):
            self._more = False
            look = Look(self._seen, tuple(_some(member.troubled())))
            if not await self._send([*batch, (look, partial(self._looked, again=again))]):
                return False
            if not self._more:
                break
            batch = []
        self._sums |= heartbeat.sums
        return True

    def _heartbeat(self) -> Heartbeat:
        """The heartbeat with the current counters and gauges."""
        member = self._member
        sums, gauges, recent = member.read_counters()
        changed = {name: number for name, number in sums.items() if self._sums.get(name) != number}
        return Heartbeat(member.worker.id, {**member.about, RECENT: recent}, changed, gauges)

    async def _send(self, batch: list[tuple[Command, OnReply]]) -> bool:
        """Send `batch` and pass the replies on; false if the store is lost."""
        contact = self._member.contact
        session = contact.session
        for start in range(0, len(batch), MAX_BATCH):
            part = batch[start : start + MAX_BATCH]
            replies = await contact.execute([command for command, _ in part])
            try:
                for (_, on_reply), reply in zip(part, replies or (), strict=replies is not None):
                    on_reply(reply)
            except Exception as error:  # a reply that is not valid
                self._member.lose(error)
            if contact.session is None or contact.session is not session:
                return False
        return True

    def _alive(self, alive: Alive) -> None:
        self._check(alive.epoch)
        self._member.divide(alive.workers)

    def _looked(self, looked: LookReply, *, again: bool) -> None:
        self._check(looked.epoch)
        self._seen, self._more = looked.version, looked.more
        for change in looked.changes:
            if not self._member.is_overtaken(change, looked.version):
                self._member.apply(change, again=again)

    def _check(self, key: str) -> None:
        epoch = self._member.contact.epoch
        if epoch is None or epoch.key != key:
            raise ConnectionResetError("its data are not those of before")


def _some(troubles: list[Trouble]) -> list[Trouble]:
    """At most `MAX_KNOWN` of `troubles`, a random choice if there are more."""
    return troubles if len(troubles) <= MAX_KNOWN else random.sample(troubles, MAX_KNOWN)


def _other(before: Epoch, epoch: Epoch) -> bool:
    """True if the store may have lost the data that it had `before`."""
    return (before.key, before.run_id, before.role) != (epoch.key, epoch.run_id, epoch.role)


def _log_epoch(epoch: Epoch) -> None:
    """Log that workers of this store have different secrets or protocols."""
    if not epoch.same_secret:
        logger.warning("another worker of this store names tenants with another secret: give all the same")
    if epoch.other_protocols:
        others = ", ".join(map(str, epoch.other_protocols))
        logger.warning("workers with other versions of the protocol (%s) share nothing with this one", others)
