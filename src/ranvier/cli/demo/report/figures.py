"""The elements of both sections of the page: tiles with numbers, figures, and one call in detail."""

from __future__ import annotations

from html import escape

from ranvier.cli.demo.report.drawing import tag
from ranvier.cli.demo.report.film import Called, Film

Legend = tuple[tuple[str, str], ...]

MARKS: Legend = (
    ("first", "first attempt succeeded"),
    ("rescued", "rescued"),
    ("failed", "failed"),
    ("p50", "p50"),
    ("p95", "p95"),
)
"""The legend of the picture of the calls."""


def tiles(*shown: tuple[str, object, str]) -> str:
    """Numbers, each with a name and a note."""
    return tag("dl", "".join(_tile(*each) for each in shown))


def _tile(name: str, value: object, note: str) -> str:
    return tag("div", tag("dt", name) + tag("dd", str(value)) + tag("dd", note, class_="note"), class_=name)


def figure(title: str, note: str, drawn: str, legend: Legend = ()) -> str:
    """A picture with its title, a note and a legend."""
    keys = "".join(tag("li", tag("i", class_=f"key {kind}") + words) for kind, words in legend)
    caption = tag("h2", escape(title)) + tag("p", escape(note)) + (tag("ul", keys) if keys else "")
    return tag("figure", tag("figcaption", caption) + tag("div", drawn, class_="scroll"))


def detail(film: Film) -> str:
    """The slowest rescued call, with its `explain()`; empty if no call was rescued."""
    rescued = [call for call in film.calls if call.became == "rescued"]
    if not rescued:
        return ""
    call = max(rescued, key=_seconds)
    note = f"explain() of the slowest rescued call, of {call.tenant}."
    story = tag("pre", escape(call.story.explain()), tabindex=0)
    caption = tag("h2", "One call in detail") + tag("p", escape(note))
    return tag("figure", tag("figcaption", caption) + story)


def _seconds(call: Called) -> float:
    return call.story.seconds
