"""Marks, colours, numbers and tables, for the screens of `ranvier watch`."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

STYLES = {
    "well": "green",
    "strained": "yellow",
    "trouble": "bold red",
    "closed": "dim",
    "open": "bold red",
    "half_open": "yellow",
    "isolated": "magenta",
    "failed": "bold red",
    "slow": "yellow",
    "rescued": "yellow",
    "good": "dim",
    "abandoned": "dim",
    "keyless": "dim",
    "not_allowed": "dim",
    "spend_limit": "dim",
}
MARKS = {
    "well": "\u2713",
    "strained": "\u25b2",
    "trouble": "\u2716",
    "closed": "\u00b7",
    "open": "\u2716",
    "half_open": "\u25d0",
    "isolated": "\u2298",
}
BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"


def table_of(*columns: str, title: str = "") -> Table:
    """A table without borders, whose columns are never folded."""
    made = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(column, no_wrap=True)
    if title:
        made.title, made.title_justify = title, "left"
    return made


def clean(words: str) -> str:
    """Remove control characters: names come from outside and must not control the terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in words)


def duration(value: float | None) -> str:
    """A duration in three digits or so."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def share(facts: dict[str, Any]) -> str:
    """The share of successes."""
    whole = facts["succeeded"] + facts["failed"]
    if not whole:
        return "-"
    part = facts["succeeded"] / whole
    return "100%" if not facts["failed"] else f"{min(part, 0.999):.1%}"


def bars(series: dict[str, list[int]]) -> Text:
    """The last minute, two seconds per character; red where more than half failed."""
    good, bad = (_pairs(series[name][-60:]) for name in ("succeeded", "failed"))
    most = max(4, *(a + b for a, b in zip(good, bad, strict=True)))
    text = Text()
    for succeeded, failed in zip(good, bad, strict=True):
        both = succeeded + failed
        height = -(-both * (len(BLOCKS) - 1) // most)
        text.append(BLOCKS[height], "red" if failed > succeeded else "yellow" if failed else "cyan")
    return text


def _pairs(numbers: list[int]) -> list[int]:
    return [sum(numbers[at : at + 2]) for at in range(0, len(numbers), 2)]
