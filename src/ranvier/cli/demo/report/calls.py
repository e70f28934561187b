"""The picture of the calls: when each ended, how long it took, and its result."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from statistics import quantiles

from ranvier.cli.demo.report.drawing import AXIS, LEFT, WIDTH, Time, picture, tag, text
from ranvier.cli.demo.report.film import Called, Film

HEIGHT = 260
STRETCHES = 24
"""The number of time intervals for the percentiles."""

ORDER = ("first", "rescued", "failed")
"""The drawing order: the most important results are drawn last, above the others."""


class Scale:
    """A logarithmic scale of durations from bottom to top; each step is twice the one below."""

    def __init__(self, film: Film) -> None:
        took = [max(call.story.seconds, 0.001) for call in film.calls] or [0.1]
        self._low = math.floor(math.log2(min(took)))
        self._high = max(math.ceil(math.log2(max(took))), self._low + 1)

    def y(self, seconds: float) -> float:
        """The y coordinate of a duration."""
        share = (math.log2(max(seconds, 0.001)) - self._low) / (self._high - self._low)
        return 8 + HEIGHT * (1 - min(max(share, 0.0), 1.0))

    def grid(self) -> Iterator[str]:
        """A labelled line for each step."""
        for power in range(self._low, self._high + 1):
            seconds = 2.0**power
            y = self.y(seconds)
            label = f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
            yield tag("line", class_="grid", x1=LEFT, x2=WIDTH, y1=y, y2=y)
            yield text(label, LEFT - 10, y + 4, anchor="end")


def calls(film: Film, time: Time) -> str:
    """A mark for each call, and the lines of p50 and p95."""
    scale = Scale(film)
    ordered = sorted(film.calls, key=lambda call: (ORDER.index(call.became), call.at))
    marks = (_mark(call, time.x(call.at), scale.y(call.story.seconds)) for call in ordered)
    lines = (_line(film, time, scale, percent) for percent in (50, 95))
    description = "latency of each call by the time it ended: first attempt succeeded, rescued or failed"
    return picture(HEIGHT + 8 + AXIS, description, scale.grid(), time.grid(8, HEIGHT + 8), marks, lines)


def _mark(call: Called, x: float, y: float) -> str:
    """A dot; a diamond for a rescued call and a cross for a failed one, to differ without colours."""
    label = tag("title", f"{call.story.seconds:.2f} s, {' → '.join(_steps(call))}")
    if call.became == "first":
        return tag("circle", label, class_="first", cx=x, cy=y, r=2.4)
    shape = "M-4.5 0 0-4.5 4.5 0 0 4.5Z" if call.became == "rescued" else "M-5-5 5 5M-5 5 5-5"
    return tag("path", label, class_=call.became, d=shape, transform=f"translate({x:.1f} {y:.1f})")


def _steps(call: Called) -> Iterator[str]:
    for attempt in call.story.attempts:
        yield f"{attempt.provider} {attempt.outcome}"


def _line(film: Film, time: Time, scale: Scale, percent: int) -> str:
    """A percentile over time."""
    points = []
    stretch = time.seconds / STRETCHES
    ordered = sorted(film.calls, key=lambda call: call.at)
    for number, group in groupby(ordered, key=lambda call: min(int(call.at / stretch), STRETCHES - 1)):
        took = [call.story.seconds for call in group]
        if len(took) > 1:
            value = quantiles(took, n=100, method="inclusive")[percent - 1]
            points.append(f"{time.x((number + 0.5) * stretch):.1f},{scale.y(value):.1f}")
    return tag("polyline", class_=f"percentile p{percent}", points=" ".join(points))
