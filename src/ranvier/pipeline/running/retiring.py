"""Closes the providers that reloads have removed, when the last call that may use them has ended."""

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
"""Seconds between two looks at what is in flight: if calls reported their end, each would cost more."""

LONGEST_REST = 300.0
"""Seconds that background tasks may take after the last call: an attempt that lost a hedge, for example."""

CLOSING, WATCHING, SENDING, FOLLOWING = LASTING = (
    "closing providers that are not used any more",
    "watching the configuration",
    "sending to the store",
    "following the store",
)
"""The names of background tasks that use no provider, and may last."""


class Retiring:
    """The providers of one pipeline that are open although its stack does not have them any more.

    Attributes:
        providers: These providers, without those that are being closed.
    """

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.providers: list[Provider] = []
        self._lifecycle = lifecycle
        self._unused: list[_Unused] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, providers: Iterable[Provider]) -> None:
        """Close `providers` once everything that is in flight now has ended."""
        unused = _Unused(list(providers), _records(self._lifecycle))
        if not unused.providers:
            return
        self._unused.append(unused)
        self.providers += unused.providers
        if self._task is None or self._task.done():
            self._task = self._lifecycle.in_background(self._close_unused(), None, CLOSING, cut_off=True)

    def spare(self, providers: Iterable[Provider]) -> None:
        """Leave `providers` open: the stack has them again."""
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
        self._tasks: set[asyncio.Task[Any]] | None = None  # that were left by the last of the calls
        self._until = 0.0

    def is_over(self, records: set[Record], lifecycle: Lifecycle) -> bool:
        """True if no call, and nothing that a call has left running, may use them any more."""
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
    """Those that are not among `others`; equal ones may be different."""
    known = {id(each) for each in others}
    return [each for each in things if id(each) not in known]


def _records(lifecycle: Lifecycle) -> set[Record]:
    """The records of all calls and streams in flight."""
    return {*lifecycle.calls, *(source._call.record for source in list(lifecycle._streams))}
