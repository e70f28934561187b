"""One worker of a service: a pipeline with a store, from its opening to its closing."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import secrets
from collections.abc import Callable, Coroutine, Hashable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ranvier.fleet.contact import Contact
from ranvier.fleet.follower import Follower
from ranvier.fleet.links import Links
from ranvier.fleet.operator_commands import OperatorCommands
from ranvier.fleet.outbox import MAX_BATCH, OnReply, Outbox
from ranvier.pipeline.running.retiring import FOLLOWING, SENDING
from ranvier.pipeline.sharing.fleet import Fleet
from ranvier.store.commands import Command
from ranvier.store.commands.workers import Fleet as FleetView
from ranvier.store.commands.workers import Heartbeat, Leave, Look, LookReply, ReadFleet
from ranvier.store.digest import digest
from ranvier.store.protocol import Store, Worker

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

ASKING = "asking the store"
"""The name of the background tasks in the log."""

MAX_DIGESTS = 8192
"""Maximum number of voters' digests in the cache, which is cleared when it is full."""

MAX_WORKERS = 1_000_000
"""The largest number of workers that is believed."""

Counters = tuple[Mapping[str, int], Mapping[str, int], str]
"""The counters of a worker since its start, and its gauges, by name; and its recent numbers as text."""

logger = logging.getLogger("ranvier.fleet")


class Member(Links, Fleet):
    """One worker, as a member of its fleet.

    Attributes:
        worker: Its identity; the id is random, so that forks of one process differ.
        contact, outbox: The connection to the store, and the queue of commands for it.
        governs: True while the store can be reached: then the store decides.
        workers: The number of live workers, as far as known.
        counters: Returns the counters and gauges of this worker; called once a second.
    """

    def __init__(self, store: Store, pipeline: Runtime) -> None:
        super().__init__()
        self._store, self._pipeline = store, pipeline
        self.loop, self.clock = pipeline.loop, pipeline.clock
        who = self.worker = Worker(secrets.token_hex(8), platform.node(), os.getpid(), _version())
        self.about = {"host": who.host, "pid": str(who.pid), "version": who.version}
        self.contact = Contact(store, who, self.loop, self.clock, self._lost)
        self.outbox = Outbox(self.contact, self._due)
        self.governs, self.workers = False, 1
        self.counters: Callable[[], Counters] = lambda: ({}, {}, "")
        self._counts = True  # the counters could be read at the last heartbeat
        self._probes = 0  # the number of the last probe
        self._closed = False
        self._fallback = secrets.token_bytes(16)
        self._digests: dict[Hashable, str] = {}  # of voters
        self._commands = OperatorCommands()

    # --- from opening to closing -----------------------------------------------------------------

    def start(self) -> None:
        """The pipeline is open: connect, and follow the store from now on."""
        follow = self._pipeline.in_background
        follow(self.outbox.run(), None, SENDING, cut_off=True)
        follow(Follower(self).run(), None, FOLLOWING, cut_off=True)

    def serve(self, pipeline: Runtime) -> None:
        """Use the layers of `pipeline` from now on, after a reload."""
        self._pipeline = pipeline
        self._divide()

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work`, which must not raise."""
        return self._pipeline.in_background(work, None, ASKING, cut_off=True)

    async def leave(self, last: Heartbeat) -> None:
        """Send the remaining commands and the `last` heartbeat, then end the session."""
        self.contact.is_leaving = True
        await self.outbox.flush()
        commands = [*self.give_back(), last, Leave(self.worker.id)]
        for start in range(0, len(commands), MAX_BATCH):
            await self.contact.execute(commands[start : start + MAX_BATCH])
        self.close()
        await self.contact.aclose()

    def close(self) -> None:
        """Leave the fleet, because the pipeline is closed."""
        if not self._closed:
            self._closed = True
            self._lost()
            self.divide(1)
            self.ended()

    @property
    def live(self) -> bool:
        """True from the opening of the pipeline until its closing."""
        return not self._closed and not self.loop.is_closed()

    # --- sending ---------------------------------------------------------------------------------

    def send(self, command: Command, on_reply: OnReply) -> None:
        """Queue `command`; it is dropped while the store cannot be reached."""
        if not self._closed:
            self.outbox.add(command, on_reply)

    def command(self, about: Hashable, command: Command, on_reply: OnReply) -> None:
        """Send the command of an operator; it is repeated, also in later sessions, until it is answered."""
        self._commands.add(about, command, on_reply)
        self.outbox.wake()

    def take_commands(self) -> list[tuple[Command, OnReply]]:
        """The commands of operators that were not sent in this session."""
        session = self.contact.session
        return [] if session is None else self._commands.take(session)

    def _due(self) -> list[tuple[Command, OnReply]]:
        """The commands that no full queue drops: those of operators first."""
        return [*(self.take_commands() if self.governs else ()), *self.news()]

    def next_number(self) -> int:
        """A number for a probe."""
        self._probes += 1
        return self._probes

    def digest(self, name: str) -> str:
        """The name of a tenant or a key in the store."""
        try:
            made = self._store.digest(name)
            int(made[-8:], 16)
        except Exception as error:  # of a store of the user's
            self.contact.lose(error)
            return digest(name, self._fallback)
        return made

    def server_name(self, name: str) -> str:
        """The name of a server or a target in the store: a digest replaces the endpoint of a tenant."""
        provider, at, rest = name.partition("@")
        endpoint, slash, model = rest.partition("/")
        return f"{provider}{at}{self.digest(endpoint)}{slash}{model}" if at else name

    def voter_digest(self, voter: Hashable) -> str:
        """The digest of a tenant that votes, from the cache if possible."""
        digest = self._digests.get(voter)
        if digest is None:
            if len(self._digests) >= MAX_DIGESTS:
                self._digests.clear()
            digest = self._digests[voter] = self.digest(str(voter))
        return digest

    def read_counters(self) -> Counters:
        """The counters, gauges and recent numbers of this worker; that they cannot be read is logged once."""
        try:
            counters = self.counters()
        except Exception:
            if self._counts:
                logger.exception("the counters of this worker cannot be read")
            self._counts = False
            return {}, {}, ""
        self._counts = True
        return counters

    async def read(self) -> tuple[FleetView, LookReply] | None:
        """The live workers, and everything open or isolated; `None` if the store cannot be reached."""
        match await self.contact.execute([ReadFleet(), Look()]):
            case [FleetView() as fleet, LookReply() as looked]:
                return fleet, looked
        return None

    # --- the state of the contact ----------------------------------------------------------------

    def joined(self) -> None:
        """Let the store decide from now on: this worker has read its whole state."""
        self.governs = not self._closed and self.contact.session is not None

    def _lost(self) -> None:
        """Decide alone: the store is lost, possibly before this worker had joined."""
        self.governs = False
        self._digests.clear()  # some may have been computed with `_fallback`
        self.store_lost()

    def lose(self, error: BaseException) -> None:
        """Stop using the store, which has sent an invalid reply."""
        self.contact.lose(error)

    def divide(self, workers: int) -> None:
        """Set the number of live workers."""
        known, self.workers = self.workers, min(max(int(workers), 1), MAX_WORKERS)
        if self.workers != known:
            self._divide()

    def _divide(self) -> None:
        for layer in self._pipeline.layers:
            try:
                layer.divide(self.workers)
            except Exception:  # of a layer of the user's
                logger.exception("layer %r cannot be divided between %d workers", layer, self.workers)


def _version() -> str:
    try:
        return version("ranvier")
    except PackageNotFoundError:  # it runs from its source
        return "unknown"
