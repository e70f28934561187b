"""The page about performance tells what was measured; a short run fails only for what the code has done."""

import asyncio
import sys
from pathlib import Path

import pytest

from benchmarks.bounds import BOUNDS, FLOOR, STACK, far_outside
from benchmarks.figures import Results, Table
from benchmarks.overhead.bytecodes import CALLS, counted
from benchmarks.overhead.ours import FULL
from benchmarks.page import PAGE, rendered

ROOT = Path(__file__).parents[1]

MAX_BYTECODES = 2_200
"""Of a call through five layers and a user's, on Python 3.11; it executed 2,107 on 2026-11-30."""


def results(*tables: Table) -> Results:
    return Results("2026-11-25", "nox -s bench", "a machine", {}, list(tables))


def test_the_page_shows_the_figures_of_the_last_run() -> None:
    """`nox -s bench` writes them; nobody writes them by hand."""
    text = PAGE.read_text(encoding="utf-8")
    assert rendered(text, Results.load(ROOT / "benchmarks" / "results.json")) == text


def test_a_ratio_is_one_within_a_turn() -> None:
    """A machine that was slow for a while was slow for both rows."""
    table = Table("k", "t", "us", "base", "", {"base": [1.0, 10.0, 1.0], "row": [2.0, 20.0, 2.5]})
    assert table.ratio("row") == 2.0


@pytest.mark.parametrize(("bytes_held", "fails"), [(170.0, False), (339.0, False), (341.0, True)])
def test_a_short_run_fails_far_outside_a_bound_only(bytes_held: float, fails: bool) -> None:
    """Beyond twice the bound of 1.7, and not where it is merely missed."""
    table = Table("memory", "t", "bytes", FLOOR, "", {FLOOR: [100.0], STACK: [bytes_held]})
    assert bool(far_outside(results(table))) is fails


def test_a_short_run_never_fails_for_an_absolute_time() -> None:
    """That is the machine's."""
    assert far_outside(results(Table("rejection", "t", "us", None, "", {"ranvier": [1e6]}))) == []


def test_a_bound_from_below_fails_when_others_come_too_near() -> None:
    """Those that should cost twenty times as much cost nine times."""
    bound = next(each for each in BOUNDS if each.least)
    table = Table(bound.table, "t", "us", None, "", {bound.row: [1.0], str(bound.base): [bound.limit / 2.1]})
    assert len(far_outside(results(table))) == 1


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions have other bytecodes")
def test_a_call_through_five_layers_executes_few_bytecodes() -> None:
    """Unlike times, and ratios of times, the number does not depend on the machine."""
    executed, _ = asyncio.run(counted(FULL))
    assert 1_000 < executed.total() / CALLS <= MAX_BYTECODES
