"""Who is asked, and who next: drawn from the records of four calls that really ran."""

from drawing import Picture

from ranvier import InvalidRequestError, Pipeline, RanvierError, ServerError, testing
from ranvier.layers import Fallback
from ranvier.pipeline import Attempt

LEFT, TOP, COLUMN, ROW = 24, 44, 162, 48
NAMES = "anthropic", "openai", "ollama"


@testing.virtual_time()
async def calls() -> list[tuple[tuple[Attempt, ...], str]]:
    """What was tried, and what the caller got: an answer, one from elsewhere, none, and one refused."""
    down = [ServerError("internal error", provider=name, status=500) for name in NAMES]
    wrong = InvalidRequestError("no such role", provider=NAMES[0], status=400)
    first = testing.ScriptedProvider(NAMES[0], ["hello", down[0], down[0], wrong])
    second = testing.ScriptedProvider(NAMES[1], ["hello", down[1]])
    third = testing.ScriptedProvider(NAMES[2], [down[2]])
    pipeline = Pipeline(Fallback(first, second, third))
    told = []
    for _ in range(4):
        try:
            told.append(((await pipeline.complete("Hi")).attempts, "an answer"))
        except* RanvierError as group:
            only = len(group.exceptions) == 1
            error = group.exceptions[0] if only else group
            told.append((error.attempts, type(error).__name__))
    return told


def draw() -> Picture:
    """The picture."""
    told = calls()
    title = "A target that fails is followed by the next, unless the request is to blame"
    picture = Picture(760, TOP + ROW * len(told), title)
    for column, name in enumerate(NAMES):
        picture.words(LEFT + COLUMN * column + 68, 28, name, "strong", "middle")
    for row, (attempts, result) in enumerate(told):
        y = TOP + ROW * row
        for column, attempt in enumerate(attempts):
            x, good = LEFT + COLUMN * column, attempt.outcome == "succeeded"
            words = "answers" if good else attempt.outcome.replace("_", " ")
            picture.box(x, y, COLUMN - 26, 34, words, "good" if good else "bad")
            picture.line((x + COLUMN - 24, y + 17), (x + COLUMN - 4, y + 17), arrow=True)
        picture.words(LEFT + COLUMN * len(attempts) + 4, y + 22, result, "strong")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
