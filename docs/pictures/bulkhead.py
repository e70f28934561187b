"""How a burst of one tenant delays another, with one queue for all and with a fair one: the queue itself."""

from drawing import Picture

from ranvier.pipeline.queueing.fair_queue import FairQueue
from ranvier.pipeline.queueing.tenants import Entry

PLACES = 3
LOUD, ARRIVES = 12, 6
"""Calls of the loud tenant, and after how many of them the quiet one calls."""


def served(*, fair: bool) -> list[list[str]]:
    """The tenants of each round, if every answer takes as long."""
    queue: FairQueue[str] = FairQueue(PLACES)
    calls = ["loud"] * LOUD
    calls[ARRIVES + PLACES : ARRIVES + PLACES] = ["quiet"] * 2
    running = [entry for call in calls[:PLACES] if (entry := queue.try_pass(call, "loud"))]
    for call in calls[PLACES:]:
        queue.wait(call, call if fair else "all", 0.0)
    rounds: list[list[Entry[str]]] = [running]
    while queue.waiting:
        for entry in rounds[-1]:
            queue.leave(entry, 0.0)
        rounds.append(queue.advance(0.0))
    return [[entry.item for entry in each] for each in rounds]


def draw() -> Picture:
    """The picture."""
    picture = Picture(760, 250, "The calls of a quiet tenant are served in the next round of a fair queue")
    for top, words, fair in ((20, "first come, first served", False), (135, "Bulkhead", True)):
        picture.words(20, top + 14, words, "strong")
        for number, calls in enumerate(served(fair=fair)):
            x = 20 + 146 * number
            for place, call in enumerate(calls):
                picture.box(x, top + 24 + 26 * place, 130, 22, call, "good" if call == "quiet" else "box")
    words = f"{PLACES} places, {LOUD} calls of one tenant, then two of another; a column is one service time."
    picture.words(20, 244, words, "small faint")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
