"""Where conversations are while one of three targets is lost, by the hashing itself."""

from drawing import Picture

from ranvier.layers.fallback.balance.hashing import distance, number_of

TARGETS = ("anthropic", "openai", "gemini")
LOST = "openai"
CONVERSATIONS = range(1, 13)


def home(conversation: int, targets: tuple[str, ...]) -> str:
    """The target of a conversation among those that accept calls."""
    name = number_of(f"conversation {conversation}")
    return min(targets, key=lambda target: distance(name, number_of(target), 1.0))


def draw() -> Picture:
    """The picture."""
    picture = Picture(760, 262, "Only the conversations of the lost target move, and they come back")
    without = tuple(target for target in TARGETS if target != LOST)
    rows = (
        ("all targets are well", TARGETS),
        (f"{LOST} rejects calls", without),
        ("it is well again", TARGETS),
    )
    for column, target in enumerate(TARGETS):
        picture.words(295 + 200 * column, 26, target, "strong", anchor="middle")
    for row, (words, targets) in enumerate(rows):
        top = 40 + 66 * row
        picture.words(20, top + 32, words)
        for column, target in enumerate(TARGETS):
            picture.box(200 + 200 * column, top, 190, 54, "", "box" if target in targets else "bad")
            here = [each for each in CONVERSATIONS if home(each, targets) == target]
            for place, each in enumerate(here):
                moves = home(each, TARGETS) == LOST
                x, y = 207 + 200 * column + 30 * (place % 6), top + 5 + 24 * (place // 6)
                picture.box(x, y, 26, 20, str(each), "wait" if moves else "good")
    picture.words(
        20, 252, "12 conversations; those of the lost target move once, all others stay.", "small faint"
    )
    return picture


if __name__ == "__main__":
    draw().save(__file__)
