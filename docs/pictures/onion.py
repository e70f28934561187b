"""The layers of the recommended stack, around a provider."""

from drawing import Picture

from ranvier import resilient

WHAT = {
    "Deadline": "how long the whole call may take",
    "Fallback": "which target is asked, and which next",
    "Retry": "the same target again, after a delay",
    "Throttle": "no request with a rate-limited or rejected key",
    "Breaker": "no request to a provider that keeps failing",
    "Timeout": "how long one attempt may take",
}


def draw() -> Picture:
    """The picture."""
    layers = resilient("anthropic/claude-sonnet-5", "openai/gpt-5.2").layers
    picture = Picture(
        760, 92 + 44 * len(layers), "A call passes six layers on its way to a provider, and back"
    )
    picture.words(24, 34, "complete() or stream()", "strong")
    for depth, layer in enumerate(layers):
        left, top = 24 + 26 * depth, 50 + 30 * depth
        height = 44 * len(layers) + 24 - 44 * depth
        picture.box(left, top, 650 - 8 * depth - left, height)
        name = type(layer).__name__
        picture.words(left + 12, top + 20, name, "strong")
        picture.words(left + 96, top + 20, WHAT[name], "faint")
    inside = 24 + 26 * len(layers), 50 + 30 * len(layers)
    picture.box(*inside, 200, 32, "one attempt, one request", "ours")
    picture.line((inside[0] + 204, inside[1] + 16), (664, inside[1] + 16), arrow=True)
    picture.words(672, inside[1] + 21, "a provider", "strong")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
