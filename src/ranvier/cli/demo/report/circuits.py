"""The picture of the circuits: one line per tenant, with the times when its circuit was not closed."""

from __future__ import annotations

from collections.abc import Iterator

from ranvier.cli.demo.report.drawing import AXIS, LEFT, Time, box, picture, text
from ranvier.cli.demo.report.film import Film
from ranvier.cli.demo.scenario import Scenario

TALLEST, LOWEST, ROOM = 14.0, 2.0, 420.0
"""The largest and smallest height of a tenant's line, and the height of all lines together."""


def circuits(film: Film, scenario: Scenario, provider: str, time: Time) -> str:
    """The circuits of all tenants at one provider."""
    names = scenario.names
    row = min(max(ROOM / max(len(names), 1), LOWEST), TALLEST)
    bottom = 8 + row * len(names)
    lines = (_line(film, time, tenant, provider, 8 + row * at, row) for at, tenant in enumerate(names))
    middle = 8 + row * (names.index(scenario.unlucky) + 0.5) + 4
    unlucky = [text("a bad key", LEFT - 10, middle, "trouble", "end")]
    ends = [
        text(names[0], LEFT - 10, 8 + row / 2 + 4, anchor="end"),
        text(names[-1], LEFT - 10, bottom - row / 2 + 4, anchor="end"),
    ]
    description = f"the circuit of each tenant at {provider}, over time"
    return picture(bottom + AXIS, description, time.grid(8, bottom), *lines, unlucky, ends)


def _line(film: Film, time: Time, tenant: str, provider: str, top: float, row: float) -> Iterator[str]:
    height = row - (2 if row > 5 else 0.5)
    yield box(LEFT, top, time.x(time.seconds) - LEFT, height, "closed")
    for span in film.spans(tenant, provider):
        # a probe is short: it is drawn wide enough to be visible
        width = max(time.x(span.ended) - time.x(span.started_at), 2.0)
        yield box(time.x(span.started_at), top, width, height, span.state)
