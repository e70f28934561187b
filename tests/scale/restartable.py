"""A store in memory that can be restarted, as a server can."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.store import MemoryStore, StoreError
from ranvier.store.commands import Command, Reply
from ranvier.store.protocol import Receive, Session, Worker


class RestartableStore:
    """A `MemoryStore` until it is restarted: then another one, without its data."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    def digest(self, name: str) -> str:
        """As the first store does."""
        return name

    async def connect(self, worker: Worker, receive: Receive) -> Session:
        """A session that ends with a restart."""
        return _Session(self, self._store, await self._store.connect(worker, receive))

    def is_current(self, store: MemoryStore) -> bool:
        """Whether there was no restart since `store`."""
        return store is self._store

    def restart(self) -> None:
        """Lose all data and all sessions."""
        self._store = MemoryStore()


class _Session:
    def __init__(self, owner: RestartableStore, store: MemoryStore, session: Session) -> None:
        self.epoch = session.epoch
        self._owner = owner
        self._store = store
        self._session = session

    async def execute(self, commands: Sequence[Command]) -> list[Reply]:
        """Carry out a batch, unless there was a restart."""
        if not self._owner.is_current(self._store):
            raise StoreError("the store was restarted")
        return await self._session.execute(commands)

    async def aclose(self) -> None:
        """End it."""
        await self._session.aclose()
