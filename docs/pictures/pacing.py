"""How a burst passes the limit that a provider reports: what is left of it, as pacing itself counts."""

from drawing import Picture

from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers.pacing.key_limits import Costs, KeyLimits

LIMIT, CALLS, STEP = 6, 10, 0.25
"""Requests per second of the key, calls of the burst, and seconds of a column."""


def sent() -> list[int]:
    """How many calls of the burst are sent in each step of time."""
    limits, one = KeyLimits(), Costs()
    first = limits.take(one, 0.0)
    limits.report(RateLimits(RateLimit(LIMIT, LIMIT - 1, 1 / LIMIT)), first, 0.0)
    now, waiting, steps = 1.0, CALLS, list[int]()
    while waiting:
        steps.append(0)
        while waiting and limits.fits(one, now):
            limits.take(one, now)
            waiting -= 1
            steps[-1] += 1
        now += STEP
    return steps


def draw() -> Picture:
    """The picture."""
    picture = Picture(760, 250, "A burst is sent as far as it fits, and the rest as the limit comes back")
    for top, words in (
        (20, "without Pacing: the provider rejects the rest"),
        (135, "Pacing: the rest waits"),
    ):
        picture.words(20, top + 14, words, "strong")
        steps = sent() if top > 100 else [CALLS]
        for number, count in enumerate(steps):
            x = 20 + 132 * number
            for call in range(count):
                good = call < LIMIT
                across, down = x + 40 * (call % 3), top + 24 + 18 * (call // 3)
                picture.box(across, down, 36, 15, "" if good else "429", "good" if good else "bad")
            if top > 100:
                picture.words(x, top + 82, f"{number * STEP:g} s", "small faint")
    words = f"{CALLS} calls at once; the provider has said that {LIMIT} are left, and full in a second."
    picture.words(20, 244, words, "small faint")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
