"""How long a retry waits: the backoff of the layer itself, asked on behalf of forty callers."""

from random import Random

from drawing import Picture

from ranvier.layers import Retry
from ranvier.layers.retry.backoff import Backoff

LEFT, SCALE, ROW = 110, 15.5, 26
RETRIES = 7
CALLERS = 40


def draw() -> Picture:
    """The picture."""
    retry = Retry()
    settings = retry.base_delay, retry.max_delay, retry.multiplier
    longest = Backoff(*settings, "none", lambda: 1.0)
    by_chance = Backoff(*settings, "full", Random(7).random)
    picture = Picture(
        760, 66 + ROW * RETRIES, "Each wait may be twice as long as the one before, up to max_delay"
    )
    for number in range(1, RETRIES + 1):
        y = 16 + ROW * (number - 1)
        picture.words(24, y + 14, f"retry {number}", "strong")
        picture.box(LEFT, y, SCALE * longest.delay(number), 18, kind="wait")
        for x in (LEFT + SCALE * by_chance.delay(number) for _ in range(CALLERS)):
            picture.line((x, y + 3), (x, y + 15))
        told = "max_delay: " if longest.delay(number) == retry.max_delay else ""
        told += f"0 to {longest.delay(number):g} s"
        picture.words(LEFT + SCALE * longest.delay(number) + 8, y + 14, told, "small faint")
    words = f"each line is one of {CALLERS} callers who failed together; jitter='full' spreads them"
    picture.words(LEFT, 46 + ROW * RETRIES, words, "small faint")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
