"""The interface of a store: it executes the commands of workers, and pushes changes to all of them.

Each pipeline is one worker. It connects when it opens, and again after each failed round trip:

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
"""Called on the event loop of the worker with each change, including the worker's own; must not raise.

A change may arrive late, twice or not at all; `Missed` means that some may be missing.
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """One pipeline of one process.

    Attributes:
        id: A random id, chosen when the pipeline opens, so that forks of one process differ.
        host, pid: The host and process, for operators.
        version: The version of ranvier.
    """

    id: str
    host: str
    pid: int
    version: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """Identifies the data of a session. If it differs from the previous session's, data may be lost.

    Attributes:
        key: A random key, written by the first worker on an empty store; it changes after FLUSHALL.
        run_id: The id of the server process; it changes after a restart or a failover.
        role: The server's role: `master` or `slave`.
        same_secret: False if another worker uses a different secret for the names of tenants.
        other_protocols: Other protocol versions used here within a day; nothing is shared with those workers.
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
        """Identifies the data of this session."""

    async def execute(self, commands: Sequence[Command]) -> list[Reply]:
        """Execute a batch in one round trip; the replies come in the same order.

        Commands are idempotent, so an unanswered batch may be sent again in the next session.

        Raises:
            StoreError: the batch, or an earlier one, failed in part or as a whole: connect again. Some of its
                commands may have been executed.
        """

    async def aclose(self) -> None:
        """Stop pushes and close the connections. Never raises."""


class Store(Protocol):
    """Shares the state of workers. One object serves any number of pipelines and event loops."""

    def digest(self, name: str) -> str:
        """The name under which a tenant or a key is known in the store: 32 hexadecimal digits."""

    async def connect(self, worker: Worker, receive: Receive) -> Session:
        """Start a session and the pushes to `receive`.

        Raises:
            StoreError: the store cannot be reached or used.
        """
