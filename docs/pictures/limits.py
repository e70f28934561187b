"""What each limit of an attempt ends: four attempts that really ran."""

import asyncio

from drawing import Picture

from ranvier import AttemptTimeoutError, Pipeline, StreamInterruptedError, testing
from ranvier.layers import Fallback, Timeout

LEFT, SCALE, ROW = 200, 7.2, 40
LIMITS = Timeout(seconds=60, first_token=20, idle=15)
ANSWERS = {
    "a long answer": testing.stream(*(testing.after(wait, "words ") for wait in (16, 12, 9, 11))),
    "silent from the start": testing.stall(),
    "silent in the middle": testing.stream(
        testing.after(7, "words "), testing.after(8, "words "), testing.stall()
    ),
    "never ends": testing.stream(*[testing.after(8, "words ")] * 20),
}


@testing.virtual_time()
async def attempt(answer: object) -> tuple[list[float], float, str]:
    """When words came, when it ended, and the limit that ended it, or nothing."""
    pipeline = Pipeline(Fallback(testing.ScriptedProvider("anthropic", [answer])), LIMITS)
    now = asyncio.get_running_loop().time
    began, words, phase = now(), [], ""
    try:
        async with pipeline.stream("Hi") as story:
            async for _ in story:
                words.append(now() - began)  # noqa: PERF401  # because: words before a break count
    except (AttemptTimeoutError, StreamInterruptedError) as error:
        late = error if isinstance(error, AttemptTimeoutError) else error.__cause__
        phase = late.phase
    return words, now() - began, phase


def draw() -> Picture:
    """The picture."""
    names = {
        "first_token": f"first_token={LIMITS.limits.first_token:g}",
        "idle": f"idle={LIMITS.limits.idle:g}",
        "attempt": f"seconds={LIMITS.limits.seconds:g}",
    }
    picture = Picture(760, 78 + ROW * len(ANSWERS), "Which limit ends which attempt")
    for row, (name, answer) in enumerate(ANSWERS.items()):
        words, end, phase = attempt(answer)
        y, last = 18 + ROW * row, words[-1] if words else 0.0
        picture.words(24, y + 19, name, "strong")
        picture.box(LEFT, y, SCALE * (last if words else end), 28, kind="good" if words else "bad")
        if words and phase:
            picture.box(LEFT + SCALE * last, y, SCALE * (end - last), 28, kind="bad")
        for moment in words:
            picture.line((LEFT + SCALE * moment, y), (LEFT + SCALE * moment, y + 28))
        picture.words(LEFT + SCALE * end + 8, y + 19, names.get(phase, "answered"), "small")
    axis = 26 + ROW * len(ANSWERS)
    picture.line((LEFT, axis), (LEFT + SCALE * 60, axis))
    for seconds in range(0, 61, 10):
        picture.line((LEFT + SCALE * seconds, axis), (LEFT + SCALE * seconds, axis + 6))
        picture.words(LEFT + SCALE * seconds, axis + 22, f"{seconds} s", "small faint", "middle")
    picture.words(LEFT, axis + 42, "each line: tokens have arrived, and idle starts again", "small faint")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
