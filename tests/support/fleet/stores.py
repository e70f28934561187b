"""Stores that fail in every way that a store may."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from ranvier.store import MemoryStore, StoreError
from ranvier.store.commands import Command, Reply
from ranvier.store.commands.workers import Heartbeat, Look
from ranvier.store.protocol import Receive, Worker


class TroubledStore:
    """A store in memory that can be told to fail.

    Attributes:
        trouble: Called before each round trip, with what is to be done: it may raise, wait, or return what
            is answered in place of the truth. `None` for no trouble.
        sent: All commands that arrived, without those that every worker sends each second.
        deaf: Nothing is pushed.
        lag: Seconds until a worker has the replies to what was carried out.
    """

    def __init__(self) -> None:
        self.memory = MemoryStore()
        self.trouble: Callable[[Any], Any] | None = None
        self.sent: list[Command] = []
        self.deaf = False
        self.lag = 0.0

    def digest(self, name: str) -> str:
        return self.memory.digest(name)

    async def connect(self, worker: Worker, receive: Receive) -> Any:
        await self.disturbed("connect")

        def hear(change: Any) -> None:
            if not self.deaf:
                receive(change)

        return TroubledSession(self, await self.memory.connect(worker, hear))

    async def disturbed(self, what: Any) -> Any:
        if self.trouble is None:
            return None
        said = self.trouble(what)
        return await said if asyncio.iscoroutine(said) else said

    def replace(self) -> None:
        """The data are lost, and everybody has to connect again."""
        secret, self.memory = self.memory._secret, MemoryStore()
        self.memory._secret = secret  # that of the workers stays


class TroubledSession:
    """A session with such a store."""

    def __init__(self, store: TroubledStore, session: Any) -> None:
        self._store, self._session = store, session
        self._memory = store.memory
        self._ended = False
        self.epoch = session.epoch

    async def execute(self, commands: Sequence[Command]) -> list[Reply]:
        if self._ended or self._memory is not self._store.memory:
            raise StoreError("the connection was reset")
        try:
            lie = await self._store.disturbed(commands)
        except BaseException:  # a round trip that fails, or is cut off, ends the session
            self._ended = True
            raise
        self._store.sent += [each for each in commands if not isinstance(each, (Heartbeat, Look))]
        replies: list[Reply] = await self._session.execute(commands)
        if self._store.lag:
            await asyncio.sleep(self._store.lag)
        return replies if lie is None else lie  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        await self._session.aclose()


def hangs(what: Any) -> Any:
    """No answer, ever; it can be cancelled."""
    return asyncio.sleep(1e9)


def hangs_on(what: Any) -> Any:
    """No answer for more than an hour, whatever is done about it."""

    async def stuck() -> None:
        until = asyncio.get_running_loop().time() + 5000
        while (left := until - asyncio.get_running_loop().time()) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(left)

    return stuck()


def raises(error: BaseException) -> Callable[[Any], Any]:
    """Each round trip fails with `error`."""

    def trouble(what: Any) -> Any:
        raise error

    return trouble


def slow(seconds: float) -> Callable[[Any], Any]:
    """Each answer takes so long."""
    return lambda what: asyncio.sleep(seconds)


def lies(with_what: Any) -> Callable[[Any], Any]:
    """Each answer is `with_what`."""
    return lambda what: None if what == "connect" else with_what
