"""Closes providers that a reload has removed, once no call can use them any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from ranvier.clock import clock_of
from ranvier.pipeline.running.shutdown import close_again

if TYPE_CHECKING:
    from ranvier.facts.record import Record
    from ranvier.pipeline.deployment import Provider
    from ranvier.pipeline.running.lifecycle import Lifecycle

T = TypeVar("T")

CHECKED_EVERY = 1.0
"""Seconds between two checks. Polling is cheaper than a notification at the end of each call."""

LONGEST_REST = 300.0
"""Maximum seconds to wait for background tasks after the last call, such as an attempt that lost a hedge."""

CLOSING, WATCHING, SENDING, FOLLOWING = LASTING = (
    "closing providers that are not used any more",
    "watching the configuration",
    "sending to the store",
    "following the store",
)
"""The names of background tasks that use no provider and may run for long."""


class Retiring:
    """The open providers of a pipeline that its stack does not use any more.

    Attributes:
        providers: These providers, except those that are being closed.
    """

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.providers: list[Provider] = []
        self._lifecycle = lifecycle
        self._unused: list[_Unused] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, providers: Iterable[Provider]) -> None:
        """Close `providers` once all calls now in flight have ended."""
        unused = _Unused(list(providers), _records(self._lifecycle))
        if not unused.providers:
            return
        self._unused.append(unused)
        self.providers += unused.providers
        if self._task is None or self._task.done():
            self._task = self._lifecycle.in_background(self._close_unused(), None, CLOSING, cut_off=True)

    def spare(self, providers: Iterable[Provider]) -> None:
        """Keep `providers` open, because the stack uses them again."""
        self.providers = without(self.providers, providers)
        for each in self._unused:
            each.providers = without(each.providers, providers)

    async def _close_unused(self) -> None:
        while self._unused:
            await asyncio.sleep(CHECKED_EVERY)
            records = _records(self._lifecycle)
            for each in [each for each in self._unused if each.is_over(records, self._lifecycle)]:
                self._unused.remove(each)
                self._close(each.providers)

    def _close(self, providers: list[Provider]) -> None:
        self.providers = without(self.providers, providers)
        closing = close_again(providers, self._lifecycle.loop)
        self._lifecycle.in_background(closing, None, "closing a provider")


class _Unused:
    """Providers that one reload has removed, and the calls that may still use them."""

    def __init__(self, providers: list[Provider], records: set[Record]) -> None:
        self.providers = providers
        self._records = records
        self._tasks: set[asyncio.Task[Any]] | None = None  # background tasks at the end of the last call
        self._until = 0.0

    def is_over(self, records: set[Record], lifecycle: Lifecycle) -> bool:
        """True if no call, and no background task of one, can use the providers any more."""
        self._records &= records
        if self._records:
            return False
        now = clock_of(lifecycle.loop)()
        if self._tasks is None:
            self._tasks = {task for task, name in lifecycle.background.items() if name not in LASTING}
            self._until = now + LONGEST_REST
        self._tasks = {task for task in self._tasks if not task.done()}
        return not self._tasks or now >= self._until


def without(things: Iterable[T], others: Iterable[T]) -> list[T]:
    """`things` without `others`, compared by identity."""
    known = {id(each) for each in others}
    return [each for each in things if id(each) not in known]


def _records(lifecycle: Lifecycle) -> set[Record]:
    """The records of all calls and streams in flight."""
    return {*lifecycle.calls, *(source._call.record for source in list(lifecycle._streams))}
