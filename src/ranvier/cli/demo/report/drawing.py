"""Elements of a picture: SVG as text, and the time axis that all pictures share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

WIDTH = 1080
LEFT, RIGHT = 150, 16
"""The margins of a plot: for the names at its left, and for half a label at its right."""

AXIS = 26
"""The height of the time axis below a plot."""


def tag(name: str, content: str = "", **attributes: object) -> str:
    """An element; `class_` becomes `class`, and `_` in a name `-`. Numbers are rounded to a tenth."""
    attrs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{attrs}>{content}</{name}>"


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def text(words: object, x: float, y: float, kind: str = "soft", anchor: str = "start") -> str:
    """A text element."""
    return tag("text", escape(str(words)), class_=kind, x=float(x), y=float(y), text_anchor=anchor)


def picture(height: float, description: str, *parts: Iterable[str]) -> str:
    """A picture of the common width; `description` is its text for screen readers."""
    drawn = "".join(piece for part in parts for piece in part)
    box = f"0 0 {WIDTH} {_value(float(height))}"
    return tag("svg", drawn, viewBox=box, role="img", aria_label=description)


@dataclass(frozen=True, slots=True)
class Time:
    """The time axis: `seconds` from the left of the plot to its right."""

    seconds: float

    def x(self, second: float) -> float:
        """The x coordinate of a second."""
        return LEFT + min(max(second / self.seconds, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    @property
    def step(self) -> float:
        """Seconds between two lines: 1, 2 or 5 times a power of ten, so that there are about ten lines."""
        rough = max(self.seconds / 12, 0.01)
        unit = 10.0 ** math.floor(math.log10(rough))
        return next(unit * nice for nice in (1, 2, 5, 10) if unit * nice >= rough)

    def grid(self, top: float, bottom: float) -> Iterator[str]:
        """The lines of the axis, with their seconds below."""
        for number in range(int(self.seconds / self.step + 1e-9) + 1):
            second = number * self.step
            x = self.x(second)
            yield tag("line", class_="grid", x1=x, x2=x, y1=float(top), y2=float(bottom))
            yield text(f"{second:g} s", x, bottom + 17, anchor="middle")

    def band(self, started_at: float, ended: float, top: float, bottom: float, kind: str) -> str:
        """A rectangle over a span of time."""
        return box(self.x(started_at), top, self.x(ended) - self.x(started_at), bottom - top, kind)


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle; empty if it has no area."""
    if width <= 0 or height <= 0:
        return ""
    return tag("rect", class_=kind, x=float(x), y=float(y), width=float(width), height=float(height))
