"""Who has raised a `CancelledError`: the caller, who cancelled the task, or the code that was awaited."""

from __future__ import annotations

import asyncio
from typing import Any

PLAIN_FAILURES = (Exception, asyncio.CancelledError)
"""What a plain function fails by. KeyboardInterrupt, SystemExit and GeneratorExit travel on."""


def delivered(task: asyncio.Task[Any]) -> int:
    """How many cancellations of `task` have been thrown into it.

    `Task.cancelling()` counts one more where the task was cancelled while it ran, as by Ctrl-C: that one
    is thrown at its next await.
    """
    return task.cancelling() - getattr(task, "_must_cancel", False)


class Caller:
    """The caller of the running task, from now on.

    A `CancelledError` that comes out of an await is the caller's if the task was cancelled since that
    wait began, and else it was made up by what was awaited.
    """

    __slots__ = ("_before", "_task")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._before = 0 if self._task is None else delivered(self._task)

    @property
    def has_cancelled(self) -> bool:
        """True once the task was cancelled, and always where there is no task of asyncio."""
        return self._task is None or self._task.cancelling() > self._before
