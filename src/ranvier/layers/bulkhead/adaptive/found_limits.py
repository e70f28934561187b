"""The limits that were found, by key and model; bounded in number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Self

from ranvier.layers.bulkhead.adaptive.limit_finder import LimitFinder
from ranvier.layers.bulkhead.adaptive.slowness import Slowness

MAX_KEYS = 1000
"""Keys whose limits are remembered: of more, the one that was used least recently is forgotten."""


class Found:
    """What was found about one key.

    Attributes:
        finder: Its limit.
        slowness: Its times to the first token; `None` until it has streamed.
    """

    __slots__ = ("_short_of_connections", "finder", "slowness")

    def __init__(self, finder: LimitFinder) -> None:
        self.finder = finder
        self.slowness: Slowness | None = None
        self._short_of_connections = 0  # so many more answers do not count

    def used(self, in_flight: int, queued: float) -> bool:
        """True if the provider had as many calls as the limit allows.

        Not for two rounds after a call that was `queued` for a connection: others may be waiting for one now.
        """
        if queued:
            self._short_of_connections = 2 * self.finder.limit
        elif self._short_of_connections:
            self._short_of_connections -= 1
        else:
            return in_flight == self.finder.limit
        return False

    def refused(self, started: float, now: float) -> bool:
        """A request sent at `started` was refused: true if that cuts the limit."""
        if self.slowness is not None and self.finder.counts(started):
            self.slowness.restart()
        return self.finder.refused(started, now)

    def first_token(self, seconds: float, started: float, now: float, *, used: bool) -> bool:
        """A stream that was sent at `started` began after `seconds`: true if that cuts the limit."""
        if not self.finder.counts(started):
            return False
        if self.slowness is None:
            self.slowness = Slowness()
        return self.slowness.add(seconds, used=used) and self.finder.refused(started, now)


class FoundLimits:
    """All limits of a layer."""

    def __init__(self, create: Callable[[], LimitFinder]) -> None:
        self._create = create
        self._known: OrderedDict[Hashable, Found] = OrderedDict()

    def with_settings_of(self, other: FoundLimits, least: int, most: int) -> Self:
        """These limits, which follow the settings of `other` from now on, and stay from `least` to `most`."""
        self._create = other._create
        for found in self._known.values():
            found.finder.bound(least, most)
        return self

    def scale(self, factor: float, least: int, most: int) -> None:
        """Multiply every limit by `factor`; they stay from `least` to `most` from now on."""
        for found in self._known.values():
            found.finder.scale(factor)
            found.finder.bound(least, most)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, key: Hashable) -> Found:
        """What was found about `key`."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Found(self._create())
            if len(self._known) > MAX_KEYS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return found

    def shift(self, seconds: float) -> None:
        """Go on with a clock that is `seconds` ahead."""
        for found in self._known.values():
            found.finder.shift(seconds)
