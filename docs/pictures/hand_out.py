"""When a stream is handed to its reader, and what becomes of a failure before and after."""

from drawing import Picture

from ranvier import Pipeline, StreamInterruptedError, testing
from ranvier.layers import Fallback

LEFT, SCALE = 150, 62.0


@testing.virtual_time()
async def steps() -> list[tuple[float, str]]:
    """What a reader sees, and when: a first target that breaks early, and a second that breaks late."""
    early = testing.ScriptedProvider("anthropic", [testing.stream(testing.after(1, testing.broken()))])
    late = testing.stream(
        testing.after(1, testing.ping()), testing.after(2, "Once "), testing.after(1, "upon ")
    )
    late = testing.stream(*late.steps, testing.after(1, "a "), testing.after(1, testing.cut()))
    pipeline = Pipeline(Fallback(early, testing.ScriptedProvider("openai", [late])))
    seen = []
    try:
        async with pipeline.stream("Hi") as answer:
            seen.append((pipeline.clock(), "hand-out"))
            async for event in answer:
                moment = pipeline.clock()
                seen.append((moment, event.text))
    except StreamInterruptedError as error:
        seen.append((pipeline.clock(), type(error).__name__))
    return seen


def draw() -> Picture:
    """The picture."""
    seen = steps()
    handed_out, broken = seen[0][0], seen[-1][0]
    picture = Picture(
        760, 216, "Before its first content a stream can still come from elsewhere; afterwards not"
    )

    def at(seconds: float) -> float:
        return LEFT + SCALE * seconds

    picture.words(24, 60, "anthropic", "strong")
    picture.box(at(0), 40, SCALE * 1, 30, "breaks", "bad")
    picture.line((at(1), 72), (at(1), 90), arrow=True)
    picture.words(24, 112, "openai", "strong")
    picture.box(at(1), 92, SCALE * (handed_out - 1), 30, "silence, pings", "wait")
    for moment, text in seen[1:-1]:
        picture.box(at(moment), 92, SCALE - 4, 30, text, "good")
    picture.words(at(broken) + 4, 112, "breaks")
    picture.line((at(handed_out), 20), (at(handed_out), 160), dashed=True)
    picture.words(at(handed_out) - 8, 156, "repeated, or asked elsewhere,", "small faint", "end")
    picture.words(at(handed_out) - 8, 172, "and the reader never knows", "small faint", "end")
    picture.words(at(handed_out) + 8, 32, "hand-out: async with ... as answer", "strong")
    picture.words(at(handed_out) + 8, 156, f"nothing is repeated: a {seen[-1][1]}", "small faint")
    picture.words(at(handed_out) + 8, 172, "with all that had been received", "small faint")
    picture.line((at(0), 190), (at(9), 190), arrow=True)
    picture.words(at(9) + 8, 194, "time", "small faint")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
