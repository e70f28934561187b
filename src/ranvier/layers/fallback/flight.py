"""The targets that one call asks concurrently, in tasks, and the winner among them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

from ranvier.pipeline.timing.cancellation import CLEANUP_SECONDS

if TYPE_CHECKING:
    from ranvier.layers.fallback.contestant import Contestant
    from ranvier.pipeline.call import Call


class Flight:
    """The contestants in flight, the oldest first; at most two of them have not lost."""

    def __init__(self) -> None:
        self._contestants: tuple[Contestant, ...] = ()
        self._winner: Contestant | None = None
        self._wake: asyncio.Future[None] | None = None

    @property
    def rivals(self) -> int:
        """The number of contestants that have not lost."""
        return sum(not each.lost for each in self._contestants)

    @property
    def is_won(self) -> bool:
        """True once a contestant has content."""
        return self._winner is not None

    def join(self, contestant: Contestant) -> None:
        """Add `contestant`, which the caller's task asks."""
        if contestant not in self._contestants:
            self._contestants = (contestant, *self._contestants)

    def launch(
        self, contestant: Contestant, call: Call, work: Coroutine[Any, Any, None], context: Context | None
    ) -> None:
        """Run `work`, which asks `contestant`, in a task of its own with a copy of `context`."""
        self._contestants += (contestant,)
        task = contestant.task = call.pipeline.in_background(
            work, context, f"an attempt at {contestant.target}", cut_off=True
        )
        task.add_done_callback(partial(self._landed, contestant), context=Context())

    def _landed(self, contestant: Contestant, task: asyncio.Task[None]) -> None:
        """The task of `contestant` has ended, possibly before it began."""
        contestant.ended()
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def make_room(self, now: float) -> None:
        """Drop the oldest of three rivals."""
        rivals = [each for each in self._contestants if not each.lost]
        if len(rivals) > 2:
            rivals[0].lose(now)

    def left(self, contestant: Contestant) -> Contestant | None:
        """Remove `contestant`, which has failed; return the rival that it hedged, if that has not lost."""
        self._contestants = tuple(each for each in self._contestants if each is not contestant)
        if self._winner is contestant:
            self._winner = None
        if self._winner is not None:
            return None
        return next((each for each in self._contestants if each.hedged and not each.lost), None)

    def won_by(self, contestant: Contestant, now: float) -> None:
        """`contestant` has content: all others have lost."""
        self._winner = contestant
        for each in self._contestants:
            if each is not contestant and not each.lost:
                each.lose(now)

    async def over(self, settled: Callable[[], bool]) -> None:
        """Wait until the call is `settled`, or all targets in flight have failed."""
        while not settled() and self._in_tasks():
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    def _in_tasks(self) -> list[asyncio.Task[Any]]:
        rivals = [each.task for each in self._contestants if not each.lost]
        return [task for task in rivals if task is not None and not task.done()]

    async def cancel(self) -> None:
        """The caller has cancelled: end everything that has not lost, and wait for it, for a limited time."""
        tasks = self._in_tasks()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLEANUP_SECONDS)

    def leave_all(self, now: float) -> None:
        """The call has ended: all contestants in flight have lost."""
        running = self._in_tasks()
        for each in self._contestants:
            if not each.lost and (each is not self._winner or each.task in running):
                each.lose(now)
        self._contestants, self._winner = (), None
