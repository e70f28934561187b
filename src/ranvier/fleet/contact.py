"""Speaks to a store that may hang, raise anything, or send invalid replies."""

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
from ranvier.store.commands.workers import Alive, Fleet, Heartbeat, Leave, Look, LookReply, ReadFleet
from ranvier.store.errors import StoreError
from ranvier.store.protocol import Epoch, Session, Store, Worker

T = TypeVar("T")

ANSWER_SECONDS = 1.0
"""The timeout of one round trip, after which the store counts as lost."""

PROMPT_PARTS = PARTS // 4
"""Parts of `ANSWER_SECONDS` after which an answer is late: until it arrives, no call waits for the store."""

CONNECT_SECONDS = 3.0
"""The timeout of connecting."""

MAX_HANGING = 4
"""Maximum number of cancelled round trips that have not ended; with that many, no further one is started."""

REPLIES: dict[type, type] = {
    **dict.fromkeys((TenantFailed, TenantOpened, TenantClosed, IsolateTenant, ResetTenant), TenantView),
    **dict.fromkeys((CloseGate, OpenGate), GateView),
    **dict.fromkeys((Heartbeat, Leave), Alive),
    TakeSlice: SliceView,
    Look: LookReply,
    ReadFleet: Fleet,
}
"""The type of reply to each command; all other commands are about shared circuits."""

logger = logging.getLogger("ranvier.fleet")


class Contact:
    """The session of one worker with its store.

    Attributes:
        session: The session; `None` while the store cannot be reached.
        epoch: The epoch of the latest session.
        is_leaving: True while the pipeline closes: failures are not logged then.
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
        self._turn: object = None  # identifies the latest session: pushes of earlier ones are ignored
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._closing: set[asyncio.Task[Any]] = set()  # tasks in flight that close lost sessions
        self._hanging: set[asyncio.Task[Any]] = set()  # tasks in flight that were cancelled
        self._asked: dict[Patience, None] = {}  # round trips in flight, oldest first
        self._trouble = ""  # the last logged trouble; empty if the store is usable
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
        self.session, self.epoch = session, session.epoch  # set here, because the caller may be cancelled

    async def execute(self, commands: Sequence[Command]) -> list[Reply] | None:
        """Execute a batch of commands; `None` if the store is lost."""
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
        """The result of `work()`, which is cancelled after `seconds`.

        A cancelled caller does not cancel the work, because an interrupted round trip ends its session; the
        timeout still applies.

        Raises:
            StoreError: the work timed out, or `MAX_HANGING` cancelled round trips have not ended.
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
        """Start `work` in its own task, whose error is always retrieved."""
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
        """Continue without the store, which cannot be reached or sends invalid replies."""
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
        """The store is usable again."""
        self._log("")

    def _log(self, trouble: str) -> None:
        """Log a change between usable and unusable, once."""
        if bool(trouble) is not bool(self._trouble) and not self.is_leaving:
            if trouble:
                logger.warning("the store cannot be used, this worker decides alone: %.300s", trouble)
            else:
                logger.warning("the store can be used again")
        self._trouble = trouble

    async def aclose(self) -> None:
        """End the session and everything in flight, within two seconds."""
        session, self.session, self._turn = self.session, None, None
        if session is not None:
            with contextlib.suppress(StoreError):
                await self._within(ANSWER_SECONDS, partial(_close, session))
        for task in self._in_flight - self._closing:  # closing a session must not be cancelled: it would leak
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
    """Append the result of `work()`. The coroutine is created here, so that it is awaited in any case."""
    result.append(await work())


async def _close(session: Session) -> None:
    try:
        await session.aclose()
    except Exception as error:
        logger.warning("the session with the store could not be closed: %s", type(error).__name__)
