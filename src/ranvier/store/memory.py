"""A store in memory, for several pipelines of one process, and for simulations."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence

from ranvier import clock
from ranvier.store.commands import Change, Command, Reply
from ranvier.store.commands.workers import Missed
from ranvier.store.digest import digest
from ranvier.store.engine.engine import Engine
from ranvier.store.errors import StoreError
from ranvier.store.protocol import Epoch, Receive, Worker

MAX_PUSHED = 10_000
"""Maximum number of changes queued for a worker whose event loop is blocked; beyond that it gets `Missed`."""


class MemoryStore:
    """Shares the state of several pipelines of one process: `Pipeline(store=store)` in each of them.

    It does what `ValkeyStore` does, without a server. The pipelines may run on different event loops.

    Args:
        now: A function that returns the time in seconds since the epoch. The default is the clock of the
            running event loop, set to the time of day once.
    """

    def __init__(self, *, now: Callable[[], float] | None = None) -> None:
        self._now = now or clock.now
        self._offset = None if now is None else 0.0  # the time since the epoch minus the event loop's time
        self._secret = secrets.token_bytes(16)
        self._epoch = secrets.token_hex(8)
        self._us = 0  # the time of the last command
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()  # guards the engine and the sessions: loops may run in other threads
        self._engine = Engine(self._epoch)
        self._sessions: dict[MemorySession, None] = {}

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._sessions)} workers)"

    def digest(self, name: str) -> str:
        """The name under which a tenant or a key is known in the store."""
        return digest(name, self._secret)

    async def connect(self, worker: Worker, receive: Receive) -> MemorySession:
        """Start a session and the pushes to `receive`."""
        if self._pid != os.getpid():  # forked, maybe while a thread held the lock; sessions are the parent's
            self._begin()
        session = MemorySession(self, Epoch(self._epoch, "memory", "master"), receive)
        with self._lock:
            if self._offset is None:
                self._offset = clock.since_epoch(asyncio.get_running_loop()) - clock.now()
            self._sessions[session] = None
        return session

    def _execute(self, commands: Sequence[Command]) -> list[Reply]:
        replies: list[Reply] = []
        with self._lock:
            for command in commands:
                now = self._now() + (self._offset or 0.0)
                self._us = max(self._us + 1, int(now * 1_000_000))  # strictly increasing, as on a server
                reply, changes = self._engine.execute(command, self._us)
                replies.append(reply)
                for change in changes:
                    self._push(change)
        return replies

    def _push(self, change: Change) -> None:
        for session in list(self._sessions):
            if not session.push(change):
                del self._sessions[session]

    def _leave(self, session: MemorySession) -> None:
        with self._lock:
            self._sessions.pop(session, None)


class MemorySession:
    """A worker's session with a `MemoryStore`."""

    def __init__(self, store: MemoryStore, epoch: Epoch, receive: Receive) -> None:
        self.epoch = epoch
        self._store = store
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._closed = self._missed = False
        self._pushed: deque[Change] = deque()

    async def execute(self, commands: Sequence[Command]) -> list[Reply]:
        """Execute a batch of commands.

        Raises:
            StoreError: the session was closed.
        """
        if self._closed:
            raise StoreError("this session with a MemoryStore was closed: connect again")
        return self._store._execute(commands)

    def push(self, change: Change) -> bool:
        """Deliver a change on the worker's loop, in its next iteration; false if that loop is closed."""
        if len(self._pushed) >= MAX_PUSHED:
            self._missed = True
            return not self._loop.is_closed()
        self._pushed.append(change)
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            return False
        return True

    def _deliver(self) -> None:
        change = self._pushed.popleft()
        if self._closed:
            return
        self._receive(change)
        if self._missed and not self._pushed:
            self._missed = False
            self._receive(Missed())

    async def aclose(self) -> None:
        """Stop the pushes."""
        self._closed = True
        self._store._leave(self)
