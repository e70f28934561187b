"""Which event loops something belongs to that outlives them, such as the circuits of a breaker."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary, ref

from ranvier.clock import Clock


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


_slots: WeakKeyDictionary[object, tuple[ref[asyncio.AbstractEventLoop], int]] = WeakKeyDictionary()
"""Of each provider with a semaphore of its own the loop that uses it, and how many it lets in at once."""


def renew_slots(provider: object, loop: asyncio.AbstractEventLoop) -> None:
    """Give a provider whose `slots` are a plain semaphore a new one, where the old loop is closed.

    Waiters of a closed loop stay in a semaphore for ever, and whoever held it never gives it back.
    """
    own = getattr(provider, "__dict__", {}).get("slots")
    if not isinstance(own, asyncio.Semaphore):
        return
    last, count = _slots.get(provider, (None, getattr(own, "_bound_value", own._value)))
    before = loop if last is None else last()
    if before is None or (before is not loop and before.is_closed()):
        provider.slots = type(own)(count)  # type: ignore[attr-defined]  # because: it has one
    elif before is not loop:
        return
    _slots[provider] = ref(loop), count
