"""What a store does: it carries out the commands of workers, and pushes what changes to all of them.

A pipeline is one worker. It connects when it opens, and again after each failed round trip:

    session = await store.connect(worker, receive)
    replies = await session.execute([Alarm(...), TenantFailed(...)])
    await session.aclose()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ranvier.store.commands import Change, Command, Reply

Receive = Callable[[Change], None]
"""Called on the event loop of the worker with each change, also those that the worker made itself.

A change may come late, twice or not at all; `Missed` says that some may not have come. It must not raise.
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """One pipeline of one process.

    Attributes:
        id: Random, made when the pipeline opens, so that forks of one process differ.
        host, pid: Where it runs, for operators.
        version: That of ranvier.
    """

    id: str
    host: str
    pid: int
    version: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """Which data a session speaks to. If it differs from that of the session before, some may be lost.

    Attributes:
        key: Random, written by the first worker on an empty store; another one after FLUSHALL.
        run_id: Of the server process: another one after a restart or a failover.
        role: `master` or `slave`, as the server calls it.
        same_secret: False if another worker names tenants with another secret.
        other_protocols: Numbers of other protocols that workers spoke here within a day: nothing is shared
            with those.
    """

    key: str
    run_id: str
    role: str
    same_secret: bool = True
    other_protocols: tuple[int, ...] = ()


class Session(Protocol):
    """A worker's connection to a store, on one event loop. A failed round trip ends it."""

    @property
    def epoch(self) -> Epoch:
        """Which data it speaks to."""

    async def execute(self, commands: Sequence[Command]) -> list[Reply]:
        """Carry out a batch in one round trip; the replies come in the same order.

        A command carried out twice does nothing the second time, so an unanswered batch may be sent again
        in the next session.

        Raises:
            StoreError: it failed, in part or as a whole, or an earlier one did: connect again. What it
                carried out is not known.
        """

    async def aclose(self) -> None:
        """Stop pushes and close the connections. Never raises."""


class Store(Protocol):
    """Where workers share their state. One object serves any number of pipelines and event loops."""

    def digest(self, name: str) -> str:
        """The name under which a tenant or a key is known in the store: 32 hexadecimal digits."""

    async def connect(self, worker: Worker, receive: Receive) -> Session:
        """Start a session and the pushes to `receive`.

        Raises:
            StoreError: the store cannot be reached, or is not usable as it is.
        """
