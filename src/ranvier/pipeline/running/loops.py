"""Tracks the event loops that share long-lived state, such as the circuits of a breaker."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from ranvier.clock import Clock
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.asking.optional_members import checked_slots_of, open_of

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Provider


class Loops:
    """The event loops whose clocks measure the time stamps of shared state."""

    def __init__(self) -> None:
        self._clocks: dict[asyncio.AbstractEventLoop, Clock] = {}

    def enter(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> float | None:
        """Add `loop`, whose clock is `clock`.

        Returns the seconds to add to every time stamp if all previous loops are closed, so that everything
        in flight on them is gone; `None` if nothing changes.
        """
        known = self._clocks
        gone = loop not in known and all(each.is_closed() for each in known)
        shift = clock() - next(reversed(known.values()))() if gone and known else None
        self._clocks = {each: its for each, its in known.items() if not each.is_closed()}
        self._clocks[loop] = clock
        return shift


class _Slots:
    """The replacements of a semaphore on later event loops; all providers that share it share these too."""

    def __init__(self, first: asyncio.Semaphore, loop: asyncio.AbstractEventLoop) -> None:
        self._count: int = getattr(first, "_bound_value", first._value)
        self._loop = ref(loop)
        self._current = ref(first)

    def on(self, loop: asyncio.AbstractEventLoop, known: asyncio.Semaphore) -> asyncio.Semaphore:
        """The semaphore for `loop`, copied from `known` if needed; `known` while another loop uses it."""
        before, current = self._loop(), self._current()
        if before is not loop and before is not None and not before.is_closed():
            return known
        if before is loop and current is not None:
            return current
        fresh = copy.copy(known)  # keeps the subclass; holders of the old semaphore may still release it
        vars(fresh).update(_value=self._count, _waiters=None, _loop=None)
        self._loop, self._current = ref(loop), ref(fresh)
        return fresh


_slots: WeakKeyDictionary[asyncio.Semaphore, _Slots] = WeakKeyDictionary()


def renew_slots(provider: Provider, loop: asyncio.AbstractEventLoop) -> None:
    """Give a provider whose `slots` are a plain semaphore a new one if the old loop is closed.

    Waiters of a closed loop stay in a semaphore forever, and its holders never release it.

    Raises:
        ConfigurationError: the provider's `slots` are no semaphore; or they cannot be assigned, and it has no
            `open` that could replace them.
    """
    own = checked_slots_of(provider)
    if not isinstance(own, asyncio.Semaphore):
        return
    slots = _slots.get(own)
    if slots is None:
        slots = _slots[own] = _Slots(own, loop)
    renewed = slots.on(loop, own)
    if renewed is own:
        return
    _slots[renewed] = slots
    try:
        _holder(provider).slots = renewed
    except AttributeError:
        if open_of(provider) is None:
            raise ConfigurationError(
                f"the slots of {provider.name} belong to an event loop that is closed: make them assignable, "
                "or recreate them in its open(pipeline)"
            ) from None


def _holder(provider: Provider) -> Any:
    """The provider, or its class if the instances share their slots."""
    if "slots" not in getattr(provider, "__dict__", {}):
        for each in type(provider).__mro__:
            if isinstance(vars(each).get("slots"), asyncio.Semaphore):
                return each
    return provider
