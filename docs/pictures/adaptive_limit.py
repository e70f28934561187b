"""How the limit of a key follows what its provider takes, which moves: the engine itself."""

from heapq import heappop, heappush
from itertools import pairwise

from drawing import Picture

from ranvier.layers.bulkhead.adaptive.limit_finder import LimitFinder

TAKES = ((0, 20), (40, 8), (80, 40))
END = 120
"""How many requests the provider takes at a time, from which service time on, and the last service time."""


def takes(now: float) -> int:
    """How many requests the provider takes now."""
    return [number for since, number in TAKES if since <= now][-1]


def found() -> list[tuple[float, int]]:
    """The limit whenever it changes, with more calls waiting than it allows."""
    finder, now, running = LimitFinder(20, 1, 1000), 0.0, 0
    ends: list[tuple[float, float, bool]] = []
    limits = [(now, finder.limit)]
    while now < END:
        while len(ends) < finder.limit:
            accepted = running < takes(now)
            running += accepted
            heappush(ends, (now + 1.0 if accepted else now + 0.05, now, accepted))
        now, started, accepted = heappop(ends)
        running -= accepted
        if accepted:
            finder.accepted(started, now, used=len(ends) + 1 == finder.limit)
        else:
            finder.refused(started, now)
        if finder.limit != limits[-1][1]:
            limits.append((now, finder.limit))
    return limits


def at(now: float, limit: int) -> tuple[float, float]:
    """Where a limit is drawn."""
    return 20 + 6 * now, 190 - 3.6 * limit


def draw() -> Picture:
    """The picture."""
    picture = Picture(760, 230, "The limit that is found follows what the provider takes: 20, 8, then 40")
    limits = found()
    for (since, number), (until, _) in zip(TAKES, (*TAKES[1:], (END, 0)), strict=True):
        picture.line(at(since, number), at(until, number), dashed=True)
        x, y = at(until, number)
        picture.words(x - 4, y - 14, f"the provider takes {number}", "small faint", anchor="end")
    steps = [at(*limits[0])]
    for (_, before), (when, after) in pairwise(limits):
        steps += [at(when, before), at(when, after)]
    picture.line(*steps)
    words = "The limit over 120 service times, always with a backlog. A refusal lowers it to three quarters."
    picture.words(20, 222, words, "small faint")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
