"""The picture of the demo's outage in a real browser: whole, legible, and without a complaint."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranvier.cli.demo.report import page as report_of
from ranvier.cli.demo.report.silence import section
from ranvier.cli.demo.scenario import Scenario
from ranvier.cli.demo.silent_provider import SilentProvider, impact
from ranvier.cli.demo.tally import judge
from support.browser.chromium import Page
from support.outage import filmed, filmed_silence

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of fifty tenants' outage and of their silent provider."""
    scenario, act = Scenario(), SilentProvider()
    film, verdict = filmed(scenario)
    heard, tally = filmed_silence(act)
    after = section(heard, act, judge(tally.calls, (), None), impact(act, tally, heard, ()))
    file = tmp_path_factory.mktemp("report") / "outage.html"
    file.write_text(report_of(film, scenario, verdict, after), encoding="utf-8")
    return file


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1240, 390], ids=["wide", "narrow"])
async def test_it_opens_without_a_complaint_and_is_legible(
    page: Page, report: Path, width: int, dark: bool
) -> None:
    """In light and dark, on a desk and on a phone; it asks for nothing but itself."""
    await page.like(width=width, height=900, dark=dark)
    await page.open(report.as_uri())
    await page.show(f"demo-report-{width}-{'dark' if dark else 'light'}")
    assert await page.text("h1") == "50 tenants and an outage"
    assert await page.run("document.querySelectorAll('svg').length") == 7
    assert await page.illegible() == []
    assert await page.unnamed() == []
    assert await page.run("document.documentElement.scrollWidth") <= width
    assert page.requested == [report.as_uri()]
    assert page.complaints == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_every_kind_of_mark_stands_out(page: Page, report: Path, dark: bool) -> None:
    """What is drawn has a colour of its own, and is inside of its picture."""
    await page.like(dark=dark)
    await page.open(report.as_uri())
    colours = await page.run(
        "['.bar.anthropic', '.bar.openai', '.bar.bad', 'rect.open', 'rect.half_open', 'path.rescued',"
        " 'rect.closed', 'rect.hedge'].map(each => getComputedStyle(document.querySelector(each)).fill)"
    )
    assert "rgb(0, 0, 0)" not in colours
    assert len(set(colours)) == 5  # refused and open are one red, half open and rescued one amber
    outside = (
        "[...document.querySelectorAll('svg')].flatMap(svg => {"
        " const room = svg.getBoundingClientRect();"
        " return [...svg.querySelectorAll('rect, circle, path, text')]"
        ".map(each => each.getBoundingClientRect())"
        ".filter(each => each.left < room.left - 1 || each.right > room.right + 12"
        " || each.top < room.top - 1 || each.bottom > room.bottom + 1) }).length"
    )
    assert await page.run(outside) == 0
