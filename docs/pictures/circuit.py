"""The states of a circuit, as the breaker's own state machine goes through them."""

from functools import partial

from drawing import Picture

from ranvier.layers.breaker.circuit import Circuit
from ranvier.layers.breaker.settings import CircuitSettings
from ranvier.pipeline import Outcome

PLACES = {"closed": (40, 30), "open": (480, 30), "half_open": (480, 200), "isolated": (40, 200)}
LOOKS = {"closed": "good", "open": "bad", "half_open": "wait", "isolated": "box"}
DOES = {
    "closed": "every call passes",
    "open": "every call is rejected",
    "half_open": "one probe passes",
    "isolated": "every call is rejected",
}


def transitions() -> list[tuple[str, str, str]]:
    """Drive a circuit through all that can happen to it, and write down where that leads."""
    told = []
    circuit = Circuit(CircuitSettings(5, 2, 30.0, None, 1, lambda: 0.0))

    def moved(what: str, *steps: tuple[float, Outcome | None]) -> None:
        before = circuit.state.value
        for now, outcome in steps:
            if circuit.admit(who := object(), now, lease=10) and outcome is not None:
                circuit.settle(who, circuit.generation, outcome, partial(float, now))
        told.append((before, circuit.state.value, what))

    moved("5 failures in a row", *[(0, Outcome.FAILED)] * 5)
    moved("the first call after 30 s", (31, None))
    moved("the probe fails, or takes too long", (42, None))
    circuit.admit(circuit, 73, lease=10)
    circuit.settle(circuit, circuit.generation, Outcome.SUCCEEDED, partial(float, 73))
    moved("2 probes succeed", (74, Outcome.SUCCEEDED))
    circuit.isolate()
    told.append(("closed", circuit.state.value, "isolate()"))
    circuit.close()
    told.append(("isolated", circuit.state.value, "reset()"))
    return told


def draw() -> Picture:
    """The picture."""
    picture = Picture(760, 288, "A circuit is closed, open, half open or isolated")
    for state, (x, y) in PLACES.items():
        picture.box(x, y, 220, 58, kind=LOOKS[state])
        picture.words(x + 110, y + 25, state, "strong", "middle")
        picture.words(x + 110, y + 45, DOES[state], "small faint", "middle")
    for before, after, what in transitions():
        _arrow(picture, before, after, what)
    return picture


def _arrow(picture: Picture, before: str, after: str, what: str) -> None:
    match before, after:
        case "closed", "open":
            picture.line((264, 50), (476, 50), arrow=True)
            picture.words(370, 40, what, "small", "middle")
        case "open", "half_open":
            picture.line((560, 92), (560, 196), arrow=True)
            picture.words(552, 150, what, "small", "end")
        case "half_open", "open":
            picture.line((620, 196), (620, 92), arrow=True)
            picture.words(628, 142, what.split(", ")[0] + ",", "small")
            picture.words(628, 158, what.split(", ")[1], "small")
        case "half_open", "closed":
            picture.line((476, 216), (330, 216), (330, 120), (216, 120), (216, 92), arrow=True)
            picture.words(340, 208, what, "small")
        case "closed", "isolated":
            picture.line((90, 92), (90, 196), arrow=True)
            picture.words(98, 150, what, "small")
        case "isolated", "closed":
            picture.line((170, 196), (170, 92), arrow=True)
            picture.words(178, 175, what, "small")
        case _:
            raise AssertionError(f"nobody has drawn {before} -> {after}")


if __name__ == "__main__":
    draw().save(__file__)
