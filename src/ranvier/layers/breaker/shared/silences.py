"""Attempts that passed their hang threshold without content, and which of them were overtaken.

A silence is overtaken when an attempt of another tenant, started later, had content: the target answers, so
the silent attempt is no evidence against it. Pure; each silence costs O(log n) in total.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush

MAX_SILENCES = 4096
"""Maximum number of silences that one circuit keeps.

When it is reached, silences whose attempts have ended may be dropped: they still count as failures, but can
no longer be overtaken. If that frees no room, a new silence is not counted.
"""

WAITING, GONE = -1, -2
"""Special values of `Silence.half`: the attempt still waits for content; the silence no longer counts."""


class Silence:
    """The silence of one attempt of `voter`, which began at `began`."""

    __slots__ = ("began", "half", "voter")

    def __init__(self, voter: Hashable, began: float) -> None:
        self.voter = voter
        self.began = began
        self.half = WAITING  # once its attempt has ended: the number of the half in which it counts

    def __lt__(self, other: Silence) -> bool:
        return self.began < other.began


class Silences:
    """The silences of one circuit, in the order in which their attempts began.

    Also keeps when the latest attempts with content began: silences that began earlier are overtaken.
    """

    __slots__ = ("heap", "latest", "leader", "leaders", "second", "settled")

    def __init__(self) -> None:
        self.heap: list[Silence] = []
        self.leaders: list[Silence] = []  # silences of the leader that only another voter can overtake
        self.leader: Hashable | None = None  # the voter whose attempt with content began last
        self.latest = -math.inf  # when that attempt began
        self.second = -math.inf  # when the latest attempt with content of any other voter began
        self.settled = 0  # silences that have stopped waiting since the last `keep`

    def __len__(self) -> int:
        return len(self.heap) + len(self.leaders)

    def overtaken(self, voter: Hashable, began: float) -> bool:
        """True if an attempt of another voter, begun later than `began`, had content."""
        return began < (self.second if voter == self.leader else self.latest)

    def add(self, silence: Silence) -> None:
        """Keep `silence`, which is not overtaken yet."""
        heappush(self.heap, silence)

    def has_room(self) -> bool:
        """True if another silence may be kept; those whose attempts have ended may be dropped for it."""
        if len(self) >= MAX_SILENCES and self.settled > MAX_SILENCES // 2:
            self.keep(_waits)
        return len(self) < MAX_SILENCES

    def take_overtaken(self) -> list[Silence]:
        """Take out and return the silences that are overtaken."""
        taken = []
        while self.leaders and self.leaders[0].began < self.second:
            taken.append(heappop(self.leaders))
        while self.heap and self.heap[0].began < self.latest:
            silence = heappop(self.heap)
            if silence.voter == self.leader and silence.began >= self.second:
                heappush(self.leaders, silence)
            else:
                taken.append(silence)
        return taken

    def keep(self, counts: Callable[[Silence], bool]) -> None:
        """Drop the silences for which `counts` is false."""
        self.settled = 0
        for silences in (self.heap, self.leaders):
            silences[:] = filter(counts, silences)
            heapify(silences)


def _waits(silence: Silence) -> bool:
    return silence.half == WAITING
