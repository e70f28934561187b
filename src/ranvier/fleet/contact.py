"""Speaks to a store without ever relying on it: a store may hang, raise anything, or send invalid replies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from ranvier.clock import Clock
from ranvier.fleet.patience import PARTS, Patience
from ranvier.pipeline.reporting.context import start_task
from ranvier.store.commands import Change, Command, Reply
from ranvier.store.commands.circuits import CircuitReply
from ranvier.store.commands.gates import CloseGate, GateView, OpenGate
from ranvier.store.commands.spending import SliceView, TakeSlice
from ranvier.store.commands.tenants import (
    IsolateTenant,
    ResetTenant,
    TenantClosed,
    TenantFailed,
    TenantOpened,
    TenantView,
)
from ranvier.store.commands.workers import Alive, Fleet, Heartbeat, Leave, Look, Looked, ReadFleet
from ranvier.store.errors import StoreError
from ranvier.store.protocol import Epoch, Session, Store, Worker

T = TypeVar("T")

ANSWER_SECONDS = 1.0
"""A store that takes longer for one round trip counts as lost."""

PROMPT_PARTS = PARTS // 4
"""While an answer takes longer than so many parts of `ANSWER_SECONDS`, nothing waits for another one."""

CONNECT_SECONDS = 3.0
"""The longest time for a connection."""

MAX_HANGING = 4
"""Round trips that do not end although they were cancelled. With so many, no further one is begun."""

REPLIES: dict[type, type] = {
    **dict.fromkeys((TenantFailed, TenantOpened, TenantClosed, IsolateTenant, ResetTenant), TenantView),
    **dict.fromkeys((CloseGate, OpenGate), GateView),
    **dict.fromkeys((Heartbeat, Leave), Alive),
    TakeSlice: SliceView,
    Look: Looked,
    ReadFleet: Fleet,
}
"""What answers a command; all others are about shared circuits."""

logger = logging.getLogger("ranvier.fleet")


class Contact:
    """The session of one worker with its store.

    Attributes:
        session: The session; `None` while the store cannot be reached.
        epoch: That of the latest session.
        is_leaving: The pipeline closes, so that nobody has to know of failures.
    """

    def __init__(
        self,
        store: Store,
        worker: Worker,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        lost: Callable[[], None],
    ) -> None:
        self._store, self._worker, self._loop, self._clock = store, worker, loop, clock
        self._lost = lost  # called when the store is lost
        self._turn: object = None  # of the latest session: pushes of earlier ones are ignored
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._closing: set[asyncio.Task[Any]] = set()  # those of them that end lost sessions
        self._hanging: set[asyncio.Task[Any]] = set()  # those of them that were cancelled
        self._asked: dict[Patience, None] = {}  # round trips in flight, in their order
        self._trouble = ""  # what was logged last
        self.is_leaving = False
        self.session: Session | None = None
        self.epoch: Epoch | None = None

    @property
    def prompt(self) -> bool:
        """True if the store can be reached, and answers without delay."""
        oldest = next(iter(self._asked), None)
        return self.session is not None and (oldest is None or oldest.parts_left > PARTS - PROMPT_PARTS)

    # --- round trips -----------------------------------------------------------------------------

    async def connect(self, receive: Callable[[Change], None]) -> bool:
        """Start a session; false if that fails. `receive` gets each change of that session."""
        turn = self._turn = object()
        try:
            await self._within(CONNECT_SECONDS, partial(self._connect, receive, turn))
        except Exception as error:
            self.lose(error)
            return False
        return True

    async def _connect(self, receive: Callable[[Change], None], turn: object) -> None:
        def forward(change: Change) -> None:
            if self._turn is turn:
                receive(change)

        session = await self._store.connect(self._worker, forward)
        if self._turn is not turn:
            await _close(session)
            raise StoreError("it connected too late")
        if not isinstance(session.epoch, Epoch):
            await _close(session)
            raise StoreError("its reply is not valid")
        self.session, self.epoch = session, session.epoch  # here: the caller may be cancelled just now

    async def execute(self, commands: Sequence[Command]) -> list[Reply] | None:
        """Carry out a batch; `None` if the store is lost."""
        session, patience = self.session, Patience(ANSWER_SECONDS)
        if session is None:
            return None
        self._asked[patience] = None
        try:
            replies = await self._within(ANSWER_SECONDS, partial(_answered, session, commands), patience)
        except Exception as error:
            if self.session is session:
                self.lose(error)
            return None
        finally:
            del self._asked[patience]
        return replies

    async def _within(
        self, seconds: float, work: Callable[[], Coroutine[Any, Any, T]], patience: Patience | None = None
    ) -> T:
        """The result of `work()`, which is cancelled if it takes longer.

        If the caller is cancelled it goes on, for as long: a round trip that is cut off ends its session.

        Raises:
            StoreError: it takes longer, or too many have not ended although they were cancelled.
        """
        if len(self._hanging) >= MAX_HANGING:
            raise StoreError(f"{MAX_HANGING} round trips have not ended")
        result: list[T] = []
        task = self._begin(_into(result, work))
        try:
            await (patience or Patience(seconds)).wait(task)
        except asyncio.CancelledError:
            self._loop.call_later(seconds, self._cut_off, task)
            raise
        if not task.done():
            self._cut_off(task)
            raise StoreError(f"no answer within {seconds:g} s")
        if task.cancelled():
            raise StoreError("it raised a CancelledError")
        task.result()
        return result[0]

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start `work` in a task of its own, whose error is read in any case."""
        task = start_task(self._loop, work, None)
        self._in_flight.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._closing.discard(task)
        self._hanging.discard(task)
        if not task.cancelled():
            task.exception()

    def _cut_off(self, task: asyncio.Task[None]) -> None:
        if not task.done():
            self._hanging.add(task)
            task.cancel()

    # --- losing it -------------------------------------------------------------------------------

    def lose(self, error: BaseException) -> None:
        """The store cannot be reached, or sends invalid replies: go on without it."""
        session, self.session, self._turn = self.session, None, None
        self._log(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        if session is None:
            return
        self._lost()
        if len(self._hanging) < MAX_HANGING:
            task = self._begin(_close(session))
            self._closing.add(task)
            self._loop.call_later(ANSWER_SECONDS, self._cut_off, task)

    def found(self) -> None:
        """The store does what it should, from now on."""
        self._log("")

    def _log(self, trouble: str) -> None:
        """One line for each change between usable and not."""
        if bool(trouble) is not bool(self._trouble) and not self.is_leaving:
            if trouble:
                logger.warning("the store cannot be used, this worker decides alone: %.300s", trouble)
            else:
                logger.warning("the store can be used again")
        self._trouble = trouble

    async def aclose(self) -> None:
        """End the session, and what is in flight, within two seconds."""
        session, self.session, self._turn = self.session, None, None
        if session is not None:
            with contextlib.suppress(StoreError):
                await self._within(ANSWER_SECONDS, partial(_close, session))
        for task in self._in_flight - self._closing:  # those end sessions, which the store would keep
            task.cancel()
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=ANSWER_SECONDS)


async def _answered(session: Session, commands: Sequence[Command]) -> list[Reply]:
    replies = await session.execute(commands)
    kinds = [REPLIES.get(type(command), CircuitReply) for command in commands]
    if not isinstance(replies, list) or [type(reply) for reply in replies] != kinds:
        raise StoreError("its reply is not valid")
    return replies


async def _into(result: list[T], work: Callable[[], Coroutine[Any, Any, T]]) -> None:
    """A coroutine that is made here is awaited, also if the task is cancelled before it begins."""
    result.append(await work())


async def _close(session: Session) -> None:
    try:
        await session.aclose()
    except Exception as error:
        logger.warning("the session with the store could not be closed: %s", type(error).__name__)
