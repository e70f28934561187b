"""How calls pass the gate of a key that its provider limits: the state machine of the throttle itself."""

from drawing import Picture

from ranvier.layers.throttle.gate import Gate, Reason

WAITING = 12
CLOSED_FOR = 7.0
ANSWER = 0.4


def rounds() -> list[tuple[float, int]]:
    """When how many calls pass, of twelve that wait; each is accepted after `ANSWER` seconds."""
    gate: Gate[int] = Gate()
    gate.close(Reason.RATE_LIMIT, CLOSED_FOR, now=0.0)
    for who in range(WAITING):
        gate.queue.wait(who, "a tenant", now=0.0)
    now, passed = CLOSED_FOR, []
    while gate.waiting:
        through = gate.advance(now)
        passed.append((now, len(through)))
        now += ANSWER
        gate.accepted(through[0], now)
    return passed


def draw() -> Picture:
    """The picture."""
    picture = Picture(
        760, 170, "A gate is closed for the time that the provider named, then opens by one, two, four"
    )
    left, scale = 40, 62.0
    picture.words(left, 34, "429, Retry-After: 7", "strong")
    picture.box(left, 50, scale * CLOSED_FOR, 40, "closed: no request is sent with this key", "bad")
    for number, (now, count) in enumerate(rounds()):
        x = left + scale * CLOSED_FOR + 10 + 58 * number
        picture.box(x, 50, 48, 40, str(count), "wait" if count == 1 else "good")
        picture.words(x + 24, 108, f"{now:.1f} s", "small faint", "middle")
    picture.words(left, 108, "0 s", "small faint")
    picture.words(
        left,
        142,
        f"{WAITING} calls wait; they pass in order: one probe, then twice as many as have just passed.",
        "small faint",
    )
    return picture


if __name__ == "__main__":
    draw().save(__file__)
