"""Which event loops something belongs to that outlives them, such as the circuits of a breaker."""

from __future__ import annotations

import asyncio

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
