"""The learned limits by key and model, bounded in number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Self

from ranvier.layers.bulkhead.adaptive.limit_finder import LimitFinder
from ranvier.layers.bulkhead.adaptive.slowness import Slowness

MAX_KEYS = 1000
"""Maximum number of keys whose limits are kept; beyond that, the least recently used is dropped."""


class LearnedLimit:
    """The learned state of one key.

    Attributes:
        finder: Finds the limit.
        slowness: Compares times to the first token; `None` before the first stream.
    """

    __slots__ = ("_short_of_connections", "finder", "slowness")

    def __init__(self, finder: LimitFinder) -> None:
        self.finder = finder
        self.slowness: Slowness | None = None
        self._short_of_connections = 0  # the number of further answers that do not count

    def used(self, in_flight: int, queued: float) -> bool:
        """True if as many calls were in flight at the provider as the limit allows.

        False for two rounds after a call was `queued` for a connection, because others may also wait for one.
        """
        if queued:
            self._short_of_connections = 2 * self.finder.limit
        elif self._short_of_connections:
            self._short_of_connections -= 1
        else:
            return in_flight == self.finder.limit
        return False

    def refused(self, started: float, now: float) -> bool:
        """Count the rejection of a request sent at `started`; true if it cuts the limit."""
        if self.slowness is not None and self.finder.counts(started):
            self.slowness.restart()
        return self.finder.refused(started, now)

    def first_token(self, seconds: float, started: float, now: float, *, used: bool) -> bool:
        """Count a first token that came after `seconds`, of a stream sent at `started`; true if it cuts."""
        if not self.finder.counts(started):
            return False
        if self.slowness is None:
            self.slowness = Slowness()
        return self.slowness.add(seconds, used=used) and self.finder.refused(started, now)


class FoundLimits:
    """All limits of a layer."""

    def __init__(self, create: Callable[[], LimitFinder]) -> None:
        self._create = create
        self._known: OrderedDict[Hashable, LearnedLimit] = OrderedDict()

    def with_settings_of(self, other: FoundLimits, least: int, most: int) -> Self:
        """These limits with the settings of `other` from now on, kept between `least` and `most`."""
        self._create = other._create
        for found in self._known.values():
            found.finder.bound(least, most)
        return self

    def scale(self, factor: float, least: int, most: int) -> None:
        """Multiply every limit by `factor`, and keep it between `least` and `most` from now on."""
        for found in self._known.values():
            found.finder.scale(factor)
            found.finder.bound(least, most)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, key: Hashable) -> LearnedLimit:
        """The state of `key`, created if new."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = LearnedLimit(self._create())
            if len(self._known) > MAX_KEYS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return found

    def shift(self, seconds: float) -> None:
        """Move to a clock that is `seconds` ahead."""
        for found in self._known.values():
            found.finder.shift(seconds)
