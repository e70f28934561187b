"""Counts and latencies of the last minutes, in memory of fixed size. Pure: `now` is an argument."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence

SPAN = 300
"""The window in seconds, with one count per second."""

SLICE = 10
"""The seconds covered by one latency histogram."""

STEPS = tuple(0.001 * 2 ** (step / 4) for step in range(81))
"""Upper bounds of the latency buckets in seconds: from 1 ms to 17 minutes, each a fifth above the last."""

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""The upper bounds of the buckets for Prometheus, in seconds."""


class Counts:
    """Counts one kind of event: in each of the last `SPAN` seconds, and in total."""

    __slots__ = ("_latest", "_seconds", "total")

    def __init__(self) -> None:
        self.total = 0
        self._latest = 0  # the latest second with a count
        self._seconds = [0] * SPAN

    def add(self, now: float) -> None:
        """Count one more."""
        second = int(now // 1)
        if second > self._latest or self.total == 0:
            for passed in range(max(self._latest + 1, second - SPAN + 1), second + 1):
                self._seconds[passed % SPAN] = 0
            self._latest = second
        self._seconds[self._latest % SPAN] += 1
        self.total += 1

    def last(self, now: float, seconds: int) -> list[int]:
        """The count of each of the last seconds, the oldest first and the current one last."""
        present = int(now // 1)
        known = range(self._latest - SPAN + 1, self._latest + 1)
        shown = range(present - seconds + 1, present + 1)
        return [self._seconds[second % SPAN] if second in known else 0 for second in shown]

    def within(self, now: float, seconds: int) -> int:
        """The sum over the last `seconds`."""
        if self._latest <= int(now // 1) - seconds:
            return 0
        return sum(self.last(now, seconds))


class Latencies:
    """Recent latencies: their percentiles, at most a fifth too high."""

    __slots__ = ("_slices",)

    def __init__(self) -> None:
        self._slices: deque[tuple[int, list[int]]] = deque(maxlen=SPAN // SLICE)

    def add(self, now: float, seconds: float) -> None:
        """Count one latency."""
        number = int(now // SLICE)
        if not self._slices or self._slices[-1][0] < number:
            self._slices.append((number, [0] * (len(STEPS) + 1)))
        self._slices[-1][1][bisect_left(STEPS, seconds)] += 1

    def counts(self, now: float) -> list[int]:
        """The recent latencies in each bucket; empty if there are none."""
        oldest = int(now // SLICE) - SPAN // SLICE
        recent = (counts for number, counts in self._slices if number > oldest)
        return [sum(step) for step in zip(*recent, strict=True)]

    def percentiles(self, now: float, *shares: float) -> list[float | None]:
        """The percentile in seconds for each share, such as 0.95; `None` without any latency."""
        return percentiles(self.counts(now), *shares)


def percentiles(counts: Sequence[int], *shares: float) -> list[float | None]:
    """The percentile in seconds for each share of the latencies that the buckets of `STEPS` count."""
    return [_percentile(counts, share) for share in shares]


def _percentile(counts: Sequence[int], share: float) -> float | None:
    """The upper bound of the bucket in which `share` of all counts is reached."""
    needed = share * sum(counts)
    reached = 0
    for step, count in enumerate(counts):
        reached += count
        if count and reached >= needed:
            return STEPS[min(step, len(STEPS) - 1)]
    return None


class Histogram:
    """All latencies since the start, as a Prometheus histogram."""

    __slots__ = ("_counts", "seconds")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0  # the sum of all latencies

    def add(self, seconds: float) -> None:
        """Count one latency."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def cumulated(self) -> Iterable[tuple[str, int]]:
        """Each bound with the number of latencies up to it; the last bound is `+Inf`."""
        reached = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._counts, strict=True):
            reached += count
            yield bound, reached
