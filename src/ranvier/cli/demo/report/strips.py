"""Two pictures of the providers: successes and failures of each, and the answered calls by provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ranvier.cli.demo.act import PROVIDERS, Act
from ranvier.cli.demo.report.drawing import AXIS, LEFT, Time, box, picture, text
from ranvier.cli.demo.report.film import Film

BINS = 80
"""Columns of a strip."""

UP, DOWN, GAP = 62, 40, 22
"""Heights in a provider's row: for successes, for failures, and the gap to the next row."""

ANSWERS = 130
"""Height of the picture of answered calls by provider."""


def health(film: Film, act: Act, time: Time) -> str:
    """For each provider, successful attempts upwards and failed attempts downwards."""
    good, bad = ({name: Counter[int]() for name in PROVIDERS} for _ in range(2))
    for each in film.tried:
        (good if each.good else bad)[each.provider][_bin(each.at, time)] += 1
    rows = len(PROVIDERS) * (UP + DOWN + GAP)
    most_good, most_bad = _most(good.values()), _most(bad.values())
    parts: list[Iterable[str]] = [time.grid(8, rows)]
    for number, provider in enumerate(PROVIDERS):
        middle = 8 + number * (UP + DOWN + GAP) + UP
        if provider == PROVIDERS[0]:
            parts.append(_outage(act, time, middle))
        parts.append(_columns(good[provider], time, middle, UP / most_good, f"bar {provider}"))
        parts.append(_columns(bad[provider], time, middle + 1, -DOWN / most_bad, "bar bad"))
        parts.append(_names(provider, good[provider].total(), bad[provider].total(), middle))
    description = "requests to each provider that succeeded and that failed, over time"
    return picture(rows + AXIS, description, *parts)


def answers(film: Film, time: Time) -> str:
    """Answered calls by provider, stacked."""
    by: dict[str, Counter[int]] = {name: Counter() for name in PROVIDERS}
    for call in film.calls:
        if call.became != "failed":
            by[call.story.attempts[-1].provider][_bin(call.at, time)] += 1
    together: Counter[int] = sum(by.values(), Counter())
    scale, base = ANSWERS / _most([together]), Counter[int]()
    parts: list[Iterable[str]] = [time.grid(8, ANSWERS + 8)]
    for number, provider in enumerate(PROVIDERS):
        parts.append(_columns(by[provider], time, ANSWERS + 8, scale, f"bar {provider}", base))
        parts.append([text(f"{provider} {by[provider].total()}", 22, 25 + 22 * number, "ink")])
        parts.append([box(0, 14 + 22 * number, 12, 12, f"bar {provider}")])
        base = base + by[provider]
    return picture(ANSWERS + 8 + AXIS, "calls by the provider that answered them, over time", *parts)


def _outage(act: Act, time: Time, middle: float) -> Iterator[str]:
    started_at, ended = act.outage
    yield time.band(started_at, ended, middle - UP, middle + DOWN, "outage")
    yield text(act.trouble, time.x(started_at) + 8, middle - UP + 17, "trouble")


def _names(provider: str, good: int, bad: int, middle: float) -> Iterator[str]:
    yield text(provider, 0, middle - 22, "name")
    yield text(f"{good} answered" if good or bad else "no requests", 0, middle - 4)
    if bad:
        yield text(f"{bad} failed", 0, middle + 16, "trouble")
    yield box(LEFT, middle, Time(1).x(1) - LEFT, 1, "base")


def _columns(
    counts: Counter[int], time: Time, foot: float, scale: float, kind: str, base: Counter[int] | None = None
) -> Iterator[str]:
    """Columns on `foot`, upwards, or downwards if `scale` is negative."""
    width = (time.x(time.seconds) - LEFT) / BINS
    for number, count in sorted(counts.items()):
        height = count * abs(scale)
        below = (base or Counter())[number] * abs(scale)
        top = foot if scale < 0 else foot - below - height
        yield box(LEFT + number * width + 0.5, top, width - 1, height, kind)


def _bin(at: float, time: Time) -> int:
    return min(int(at / time.seconds * BINS), BINS - 1)


def _most(counters: Iterable[Counter[int]]) -> int:
    return max((count for counter in counters for count in counter.values()), default=1)
