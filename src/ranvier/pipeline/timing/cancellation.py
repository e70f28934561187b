"""Cancels a task that has waited too long, repeatedly until its wait ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ranvier.caller import our_cancellations
from ranvier.pipeline.timing.limit import CLOSED

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

CLEANUP_SECONDS = 5.0
"""Seconds that a provider may take to close a stream; after that it is cancelled."""

AGAIN = 0.25
"""Seconds until a wait that continues is cancelled a second time, because the first was swallowed."""

AND_AGAIN = 1.0
"""Seconds between later cancellations."""

UNSTOPPABLE = 2
"""The number of repeated cancellations after which a warning is logged."""


class Cancellation:
    """Cancels `task`, which waits on behalf of `call`, repeatedly until `take_back`.

    Each repetition first takes the previous cancellation back, so that at most one pending one is ours.

    Args:
        before: `task.cancelling()` when the wait began.
        reason: Why the wait must end.
    """

    __slots__ = ("_before", "_call", "_next", "_repeated", "_task", "reason")

    def __init__(self, call: Call, task: asyncio.Task[object], before: int, reason: str) -> None:
        self.reason = reason
        self._call = call
        self._task = task
        self._before = before
        self._repeated = 0
        our_cancellations[task] = our_cancellations.get(task, 0) + 1
        task.cancel()
        self._next = call.pipeline.loop.call_later(
            CLEANUP_SECONDS if reason == CLOSED else AGAIN, self._repeat
        )

    def _repeat(self) -> None:
        self._uncancel()
        self._task.cancel()
        self._repeated += 1
        self._next = self._call.pipeline.loop.call_later(AND_AGAIN, self._repeat)
        if self._repeated == UNSTOPPABLE:
            self._call.pipeline.complaints.log(
                "unstoppable",
                self._call.deployment.provider.name,
                "%s swallows every cancellation: a call that reached its limit (%s) waits until it returns",
                self._call.deployment,
                self.reason,
            )

    def take_back(self) -> None:
        """Undo our cancellation: the wait has ended, whether the cancellation was raised or swallowed."""
        our_cancellations[self._task] -= 1
        self._next.cancel()
        self._uncancel()

    def _uncancel(self) -> None:
        if self._task.cancelling() > self._before:  # otherwise other code has undone ours
            self._task.uncancel()

    async def absorb(self, error: BaseException) -> BaseException | None:
        """Remove the rest of our cancellation, which was taken back, after a wait that ended by `error`.

        From Python 3.13 on a failing TaskGroup cancels its task once more, for the next await. Taking
        that back has no effect in a task with earlier cancellations, so it is awaited and ignored here.

        Returns the `CancelledError` of a caller who cancels right now, else `None`.
        """
        if not self._before or isinstance(error, asyncio.CancelledError):
            return None
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as cancelled:
            if self._task.cancelling() > self._before:
                return cancelled
        return None
