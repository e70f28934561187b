"""Distinguishes a cancellation by the caller from a `CancelledError` that the awaited code raised itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, MutableMapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

PLAIN_FAILURES = (Exception, asyncio.CancelledError)
"""Errors of a plain function that are caught. KeyboardInterrupt, SystemExit and GeneratorExit propagate."""


def shielded(answer: Awaitable[T]) -> Awaitable[T]:
    """`answer` of a user's function: a future, which others may await, is not cancelled with this wait."""
    return asyncio.shield(answer) if asyncio.isfuture(answer) else answer


our_cancellations: MutableMapping[asyncio.Task[Any], int] = WeakKeyDictionary()
"""How often each task is cancelled by a limit of ours, while that is not taken back."""


def delivered(task: asyncio.Task[Any]) -> int:
    """The number of cancellations that have been thrown into `task`.

    `Task.cancelling()` counts one more if the task was cancelled while it ran, as by Ctrl-C: that one
    is thrown at its next await.
    """
    return task.cancelling() - getattr(task, "_must_cancel", False)


def cancelled_by_others(task: asyncio.Task[Any], before: int) -> bool:
    """True if `task`, of `before` cancellations, was cancelled since, and not by a limit of ours.

    That was its caller, or the awaited code, until it takes that back: these cannot be distinguished.
    """
    return task.cancelling() - our_cancellations.get(task, 0) > before


class Caller:
    """Detects whether the running task is cancelled by its caller from now on.

    A `CancelledError` that comes out of an await is the caller's if the task was cancelled since that
    await began. Otherwise the awaited code raised it itself.
    """

    __slots__ = ("_before", "_task")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._before = 0 if self._task is None else delivered(self._task)

    @property
    def has_cancelled(self) -> bool:
        """True once the task was cancelled, and always outside an asyncio task."""
        return self._task is None or self._task.cancelling() > self._before

    @property
    def has_given_up(self) -> bool:
        """True once the task was cancelled by others than us; code that cleans up may delay its end."""
        return self._task is not None and cancelled_by_others(self._task, self._before)
