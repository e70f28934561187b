"""Where a fault of Chaos enters the stack, and who sees it."""

from drawing import Picture

from ranvier.layers import Breaker, Chaos, Fallback, Retry, Timeout

OUTSIDE = (Fallback, Retry, Breaker, Timeout)
STEP = 118


def draw() -> Picture:
    """The picture."""
    picture = Picture(760, 190, "In one attempt of a hundred a fault takes the place of the provider")
    for number, layer in enumerate((*OUTSIDE, Chaos)):
        left = 24 + STEP * number
        picture.box(left, 40, STEP - 26, 36, layer.__name__, "wait" if layer is Chaos else "box")
        picture.line((left + STEP - 26, 58), (left + STEP - 2, 58), arrow=True)
    left = 24 + STEP * len((*OUTSIDE, Chaos))
    picture.box(left, 40, 124, 36, "the provider", "good")
    picture.words(left + 62, 98, "99 of 100 attempts", "small faint", "middle")
    middle = left - STEP + (STEP - 26) / 2
    picture.line((middle, 78), (middle, 116), arrow=True)
    picture.box(middle - 70, 120, 140, 36, "a fault instead", "bad")
    picture.line((middle - 74, 138), (60, 138), (60, 80), dashed=True, arrow=True)
    picture.words(250, 130, "every layer treats it like a real failure", "small faint", "middle")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
