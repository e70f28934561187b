"""The outage of `ranvier demo`, played in virtual time: requests, circuits and what became of the calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from drawing import Picture

from ranvier.cli.demo.act import PROVIDERS
from ranvier.cli.demo.report import Film
from ranvier.cli.demo.scenario import Scenario
from support.outage import filmed

SCENARIO = Scenario(tenants=30, seconds=20, seed=2)
LEFT, WIDTH, BINS = 150, 590, 40
UP, DOWN, LINE = 30, 22, 4
"""Pixels: of succeeded and failed requests in a row, and of one tenant's circuit."""


def draw() -> Picture:
    """The picture."""
    film, verdict = filmed(SCENARIO)
    told = f"{verdict.calls} calls, {verdict.rescued} rescued, {verdict.failed} failed"
    picture = Picture(760, 340, f"{SCENARIO.tenants} tenants through an outage: {told}")
    picture.words(20, 30, f"{SCENARIO.tenants} tenants, one outage: {told}", "strong")
    began, ended = map(_x, SCENARIO.outage)
    picture.box(began, 44, ended - began, 258, kind="box")
    picture.words((began + ended) / 2, 60, "anthropic answers 503", "small faint", "middle")
    for row, provider in enumerate(PROVIDERS[:2]):
        _requests(picture, film, provider, 96 + 54 * row)
    _circuits(picture, film, 190)
    for second in range(0, 21, 5):
        picture.words(_x(second), 326, f"{second} s", "small faint", "middle")
    return picture


def _x(second: float) -> float:
    return LEFT + WIDTH * min(second / SCENARIO.seconds, 1.0)


def _requests(picture: Picture, film: Film, provider: str, middle: float) -> None:
    picture.words(20, middle - 4, provider, "strong")
    tried = [each for each in film.tried if each.provider == provider]
    good, bad = (_bins(each.at for each in tried if each.good is wanted) for wanted in (True, False))
    picture.words(20, middle + 12, f"{good.total()} ok, {bad.total()} failed", "small faint")
    most = max([*good.values(), *bad.values(), 24])
    for number in range(BINS):
        left, width = _x(number * SCENARIO.seconds / BINS), WIDTH / BINS - 2
        for count, tall, kind in ((good[number], UP, "good"), (bad[number], DOWN, "bad")):
            height = max(tall * count / most, 1.5)
            if count:
                picture.box(left, middle - height if kind == "good" else middle, width, height, kind=kind)
    picture.line((LEFT, middle), (LEFT + WIDTH, middle))


def _circuits(picture: Picture, film: Film, top: float) -> None:
    picture.words(20, top + 14, "circuits", "strong")
    picture.words(20, top + 30, "one line per tenant", "small faint")
    picture.words(20, top + 46, "red: open", "small faint")
    for row, tenant in enumerate(SCENARIO.names):
        y = top + LINE * row * 0.9
        for span in film.spans(tenant, PROVIDERS[0]):
            kind = "bad" if span.state == "open" else "wait"
            picture.box(
                _x(span.started_at), y, max(_x(span.ended) - _x(span.started_at), 1.5), LINE - 1.5, kind=kind
            )


def _bins(moments: Iterable[float]) -> Counter[int]:
    return Counter(min(int(at / SCENARIO.seconds * BINS), BINS - 1) for at in moments)
