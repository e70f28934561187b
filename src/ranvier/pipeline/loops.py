"""Which event loops something belongs to that outlives them, such as the circuits of a breaker."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from ranvier.clock import Clock
from ranvier.errors import ConfigurationError

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Provider


class Loops:
    """The event loops by whose clocks the moments of something shared are kept."""

    def __init__(self) -> None:
        self._clocks: dict[asyncio.AbstractEventLoop, Clock] = {}

    def enter(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> float | None:
        """Count `loop`, whose time `clock` tells, among them.

        Returns the seconds to add to every moment that is kept, where all the loops so far are closed
        and what was under way on them is gone; `None` where everything goes on as it is.
        """
        known = self._clocks
        gone = loop not in known and all(each.is_closed() for each in known)
        shift = clock() - next(reversed(known.values()))() if gone and known else None
        self._clocks = {each: its for each, its in known.items() if not each.is_closed()}
        self._clocks[loop] = clock
        return shift


class _Slots:
    """What follows a semaphore on the event loops to come; all who share it share that too."""

    def __init__(self, first: asyncio.Semaphore, loop: asyncio.AbstractEventLoop) -> None:
        self._count: int = getattr(first, "_bound_value", first._value)
        self._loop = ref(loop)
        self._current = ref(first)

    def on(self, loop: asyncio.AbstractEventLoop, known: asyncio.Semaphore) -> asyncio.Semaphore:
        """The semaphore for `loop`, made like `known` if need be; `known` while another loop has it."""
        before, current = self._loop(), self._current()
        if before is not loop and before is not None and not before.is_closed():
            return known
        if before is loop and current is not None:
            return current
        fresh = copy.copy(known)  # of whatever class it is; whoever held the old one may still release that
        vars(fresh).update(_value=self._count, _waiters=None, _loop=None)
        self._loop, self._current = ref(loop), ref(fresh)
        return fresh


_slots: WeakKeyDictionary[asyncio.Semaphore, _Slots] = WeakKeyDictionary()


def renew_slots(provider: Provider, loop: asyncio.AbstractEventLoop) -> None:
    """Give a provider whose `slots` are a plain semaphore a new one, where the old loop is closed.

    Waiters of a closed loop stay in a semaphore for ever, and whoever held it never gives it back.

    Raises:
        ConfigurationError: it does not let its `slots` be assigned, and is not told of loops by `open`.
    """
    own = getattr(provider, "slots", None)
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
        if not hasattr(provider, "open"):
            raise ConfigurationError(
                f"the slots of {provider.name} belong to an event loop that is closed: let them be assigned, "
                "or make them anew in its open(pipeline)"
            ) from None


def _holder(provider: Provider) -> Any:
    """The provider, or the class of it whose instances share their slots."""
    if "slots" not in getattr(provider, "__dict__", {}):
        for each in type(provider).__mro__:
            if isinstance(vars(each).get("slots"), asyncio.Semaphore):
                return each
    return provider
