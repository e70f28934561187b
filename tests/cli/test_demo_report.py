"""`ranvier demo --report`: what its page tells is what happened."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ranvier.cli import main
from ranvier.cli.demo.act import PROVIDERS
from ranvier.cli.demo.report import Film, page
from ranvier.cli.demo.scenario import Scenario
from ranvier.cli.demo.tally import Verdict
from support.outage import filmed

SCENARIO = Scenario(tenants=12, seconds=12, seed=3)


def figures(told: str) -> dict[str, ElementTree.Element]:
    """The pictures of a page, by what is said of them to those who do not see them."""
    drawn = [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", told, re.DOTALL)]
    return {each.attrib["aria-label"]: each for each in drawn}


def kinds(drawn: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    """The pieces of that class."""
    return [each for each in drawn.iter() if each.get("class") == kind]


def words(drawn: ElementTree.Element) -> list[str]:
    """All texts in it."""
    return [each.text or "" for each in drawn.iter("text")]


@pytest.fixture(scope="module")
def outage() -> tuple[Film, Verdict]:
    """An outage, played once."""
    return filmed(SCENARIO)


@pytest.fixture(scope="module")
def told(outage: tuple[Film, Verdict]) -> str:
    """The page of it."""
    return page(outage[0], SCENARIO, outage[1])


def test_the_same_seed_is_the_same_page(told):
    """Byte for byte; another seed is another."""
    assert page(*_parts(SCENARIO)) == told
    assert page(*_parts(replace(SCENARIO, seed=4))) != told


def _parts(scenario: Scenario) -> tuple[Film, Scenario, Verdict]:
    film, verdict = filmed(scenario)
    return film, scenario, verdict


LATENCIES = "latency of each call by the time it ended: first attempt succeeded, rescued or failed"


def test_there_is_a_mark_for_every_call(told, outage):
    """Of the kind that became of it, with its attempts for who points at it."""
    film, verdict = outage
    drawn = figures(told)[LATENCIES]
    marks = {kind: kinds(drawn, kind) for kind in ("first", "rescued", "failed")}
    assert sum(map(len, marks.values())) == len(film.calls) == verdict.calls
    assert len(marks["rescued"]) == verdict.rescued > 0
    assert all("anthropic overloaded" in mark[0].text or "auth" in mark[0].text for mark in marks["rescued"])
    assert marks["failed"] == []


def test_the_numbers_are_those_of_the_verdict(told, outage):
    """In the tiles at the top."""
    film, verdict = outage
    tiles = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", told))
    assert (tiles["calls"], tiles["rescued"], tiles["failed"]) == (
        str(verdict.calls),
        str(verdict.rescued),
        "0",
    )
    assert int(tiles["skipped"]) == film.skipped("anthropic") > 0
    assert "All calls were answered; the records of the calls and the log of the providers agree." in told


def test_every_request_is_counted_at_its_provider(told, outage):
    """Answered and refused, beside the name."""
    film, _ = outage
    said = words(figures(told)["requests to each provider that succeeded and that failed, over time"])
    for provider in PROVIDERS[:2]:
        good = sum(each.good for each in film.tried if each.provider == provider)
        assert f"{good} answered" in said[said.index(provider) :]
    refused = sum(not each.good for each in film.tried if each.provider == "anthropic")
    assert f"{refused} failed" in said
    assert "no requests" in said[said.index("ollama") :]


def test_each_tenant_has_a_line_and_its_circuit_opens_in_the_outage(told, outage):
    """Where it is drawn is when it was; the tenant with the bad key is named."""
    film, _ = outage
    drawn = figures(told)["the circuit of each tenant at anthropic, over time"]
    assert len(kinds(drawn, "closed")) == SCENARIO.tenants
    spans = [span for name in SCENARIO.names for span in film.spans(name, "anthropic")]
    opened = [span for span in spans if span.state == "open"]
    assert len(kinds(drawn, "open")) == len(opened) > 0
    assert all(SCENARIO.outage[0] < span.started_at < SCENARIO.outage[1] + 1 for span in opened)
    assert list(film.spans(SCENARIO.unlucky, "anthropic")) == []
    assert "a bad key" in words(drawn)
    assert "the circuit of each tenant at openai, over time" not in figures(told)


def test_one_call_is_told_whole(told, outage):
    """The rescued one that took longest, in the words of explain()."""
    film, _ = outage
    longest = max((call.story for call in film.calls if call.became == "rescued"), key=lambda it: it.seconds)
    assert longest.explain().splitlines()[1] in told


def test_it_needs_nothing_else_and_runs_nothing(told):
    """No script, and no address but the name of SVG's own language."""
    assert "<script" not in told
    assert not re.search(r"https?:|//|url\(|@import|src=|href=", told)
    assert "default-src 'none'" in told


def test_a_demo_that_went_wrong_says_so(outage):
    """Calls that were not answered, and books that do not balance."""
    told = page(outage[0], SCENARIO, Verdict(9, 1, 2, ("acme",), ("call 1: <lost>",)))
    assert '<p class="verdict bad">' in told
    assert "2 calls failed; the records of the calls and the log" in told
    assert "of the providers do not agree: call 1: &lt;lost&gt;." in told


def test_nothing_at_all_is_drawn_too():
    """A demo of no time has no calls."""
    assert "<dd>0</dd>" in page(Film(0.0), SCENARIO, Verdict(0, 0, 0, (), ()))


def test_the_command_writes_the_page(tmp_path: Path, capsys):
    """Beside what it prints, of what it has played over real connections."""
    file = tmp_path / "outage.html"
    options = ["--plain", "--seconds", "2", "--tenants", "10", "--report", str(file)]
    with ThreadPoolExecutor() as thread:  # because the command runs a loop of its own
        assert thread.submit(main, ["demo", *options]).result() == 0
    said = re.search(r"^calls (\d+), rescued (\d+)", capsys.readouterr().out, re.MULTILINE)
    assert said is not None
    tiles = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", file.read_text(encoding="utf-8"))
    both = [sum(int(value) for name, value in tiles if name == which) for which in ("calls", "rescued")]
    assert both == [int(each) for each in said.groups()]


def test_a_report_that_cannot_be_written_is_told_before_the_demo(tmp_path: Path, capsys):
    """Status 2 at once, and not after twenty seconds."""
    assert main(["demo", "--report", str(tmp_path / "nowhere" / "outage.html")]) == 2
    assert "No such file or directory" in capsys.readouterr().err
