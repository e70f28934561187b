"""One call through an outage: drawn from the record of attempts of a call that really ran."""

from drawing import Picture

from ranvier import OverloadedError, Pipeline, testing
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Attempt

LEFT, SCALE = 170, 13.0


@testing.virtual_time(seed=3)
async def call() -> tuple[Attempt, ...]:
    """The record of a call that meets an overload and a silence before it is answered."""
    busy = OverloadedError("overloaded", provider="anthropic", status=529)
    first = testing.ScriptedProvider("anthropic", [testing.after(2, busy), testing.stall()])
    second = testing.ScriptedProvider(
        "openai", [testing.stream(testing.after(3, "hel"), testing.after(6, "lo"))]
    )
    retry = Retry(base_delay=4, jitter="none")
    pipeline = Pipeline(Deadline(60), Fallback(first, second), retry, Breaker(), Timeout(first_token=20))
    return (await pipeline.complete("Hi")).attempts


def draw() -> Picture:
    """The picture."""
    attempts = call()
    picture = Picture(760, 210, "The attempts of one call on a line of time")
    begun = attempts[0].started

    def at(seconds: float) -> float:
        return LEFT + SCALE * (seconds - begun)

    for row, attempt in enumerate(attempts):
        y = 24 + 44 * row
        picture.words(24, y + 20, attempt.provider, "strong")
        if attempt.delay:
            picture.box(at(attempt.started - attempt.delay), y + 6, SCALE * attempt.delay, 18, kind="wait")
            picture.words(
                at(attempt.started - attempt.delay), y + 38, f"waits {attempt.delay:g} s", "small faint"
            )
        good = attempt.outcome == "succeeded"
        picture.box(at(attempt.started), y, SCALE * attempt.seconds, 30, kind="good" if good else "bad")
        picture.words(at(attempt.started + attempt.seconds) + 8, y + 20, attempt.outcome, "small")
        if attempt.first_token is not None:
            x = at(attempt.started + attempt.first_token)
            picture.line((x, y), (x, y + 30), dashed=True)
            picture.words(x, y + 44, "first token", "small faint", "middle")
    for seconds in range(0, 41, 10):
        picture.line((at(begun + seconds), 176), (at(begun + seconds), 182))
        picture.words(at(begun + seconds), 198, f"{seconds} s", "small faint", "middle")
    picture.line((LEFT, 176), (at(begun + 40), 176))
    return picture


if __name__ == "__main__":
    draw().save(__file__)
