"""Our cancellation of a task that has waited too long, repeated as long as it goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ranvier.pipeline.timing.limit import CLOSED

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

CLEANUP_SECONDS = 5.0
"""Seconds that a provider may take to close a stream; after that it is cancelled."""

AGAIN = 0.25
"""Seconds after which a wait that goes on is cancelled a second time: something swallowed the first."""

AND_AGAIN = 1.0
"""Seconds between any two cancellations after that."""

UNSTOPPABLE = 2
"""Further cancellations after which the log says that a provider cannot be stopped."""


class Cancellation:
    """Cancels `task`, which waits on behalf of `call`, until `take_back`.

    Each time it takes the former cancellation back first, so that never more than one of them is ours.

    Args:
        before: `task.cancelling()` when the wait began.
        reason: Why the wait has to end.
    """

    __slots__ = ("_before", "_call", "_next", "_repeated", "_task", "reason")

    def __init__(self, call: Call, task: asyncio.Task[object], before: int, reason: str) -> None:
        self.reason = reason
        self._call = call
        self._task = task
        self._before = before
        self._repeated = 0
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
                "%s swallows every cancellation: a call that has met its limit (%s) waits until it returns",
                self._call.deployment,
                self.reason,
            )

    def take_back(self) -> None:
        """The wait is over: our cancellation has come out of it, or was swallowed there."""
        self._next.cancel()
        self._uncancel()

    def _uncancel(self) -> None:
        if self._task.cancelling() > self._before:  # else others have taken ours back
            self._task.uncancel()

    async def absorb(self, error: BaseException) -> BaseException | None:
        """After a wait that ended by `error`: let nothing of our cancellation be left, which was taken back.

        From Python 3.13 on a TaskGroup that fails cancels its task once more, for the next await. To take
        that back does not help in a task that counts cancellations from before.

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
