"""What one tenant has settled and reserved, from attempt to attempt; decided by the ledger of the layer."""

from drawing import Picture

from ranvier.layers.spend_limit.ledger import Ledger

LIMIT, SCALE, LEFT, ROW = 100, 4.2, 210, 34
STEPS = (
    ("two attempts in flight", (40, 40), None),
    ("one has cost 10", (), 10),
    ("a retry of 40", (40,), None),
    ("a hedge of 40", (40,), None),
)


def draw() -> Picture:
    """The picture."""
    ledger, reserved = Ledger(60.0, 10), []
    title = "What is settled and reserved never exceeds the limit: what does not fit is not sent"
    picture = Picture(760, 72 + ROW * len(STEPS), title)
    for number, (words, amounts, cost) in enumerate(STEPS):
        y = 20 + ROW * number
        picture.words(24, y + 16, words)
        asked = [ledger.reserve("acme", amount, LIMIT, 0.0) for amount in amounts]
        reserved += [each for each in asked if each is not None]
        if cost is not None:
            reserved.pop(0).settle(cost)
        settled, held = ledger.account("acme", 0.0)
        picture.box(LEFT, y, SCALE * settled, 22, "", "good")
        picture.box(LEFT + SCALE * settled, y, SCALE * held, 22, "", "wait")
        if None in asked:
            picture.box(LEFT + SCALE * (settled + held), y, 40, 22, "", "bad")
            picture.words(LEFT + SCALE * (settled + held) + 48, y + 16, "not sent", "small")
    bottom = 20 + ROW * len(STEPS)
    picture.line((LEFT + SCALE * LIMIT, 10), (LEFT + SCALE * LIMIT, bottom), dashed=True)
    picture.words(LEFT + SCALE * LIMIT, bottom + 16, "the limit", "small faint", "middle")
    picture.words(LEFT, bottom + 36, "green: settled; yellow: reserved", "small faint")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
