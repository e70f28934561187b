"""A store that writes down what a worker says to it and hears from it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from fleet_faults.worker_log import WorkerLog, described
from ranvier.store.commands import Change, Command, Reply
from ranvier.store.errors import StoreError
from ranvier.store.protocol import Receive, Session, Store, Worker


class LoggedStore:
    """Passes everything on to `store`, and notes it."""

    def __init__(self, store: Store, log: WorkerLog) -> None:
        self._store = store
        self._log = log
        self._batches = count(1)

    def digest(self, name: str) -> str:
        """As the store does."""
        return self._store.digest(name)

    async def connect(self, worker: Worker, receive: Receive) -> Session:
        """A session whose batches and changes are noted; a change once the worker has applied it."""

        def applied(change: Change) -> None:
            receive(change)
            self._log.note("applied", change=described(change))

        try:
            session = await self._store.connect(worker, applied)
        except StoreError as error:
            self._log.note("failed", batch=0, why=str(error))
            raise
        self._log.note("connected", id=worker.id, epoch=described(session.epoch))
        return _LoggedSession(session, self._log, self._batches)


class _LoggedSession:
    """One session, and what is said in it."""

    def __init__(self, session: Session, log: WorkerLog, batches: count[int]) -> None:
        self.epoch = session.epoch
        self._session = session
        self._log = log
        self._batches = batches

    async def execute(self, commands: Sequence[Command]) -> list[Reply]:
        """Note the batch before it is sent, and the replies as they come."""
        number = next(self._batches)
        self._log.note("sent", batch=number, commands=[described(each) for each in commands])
        try:
            replies = await self._session.execute(commands)
        except BaseException as error:
            self._log.note("failed", batch=number, why=f"{type(error).__name__}: {error}")
            raise
        self._log.note("replied", batch=number, replies=[described(each) for each in replies])
        return replies

    async def aclose(self) -> None:
        """Note the end."""
        await self._session.aclose()
        self._log.note("closed")
