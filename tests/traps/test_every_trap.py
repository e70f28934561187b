"""The list of the traps, and that none of them is without a test and a mutation."""

import re
from pathlib import Path

import ranvier
from support.mutants.every import MUTANTS as EVERY
from support.mutants.traps import MUTANTS

TRAPS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 22, 24, 25, 26, 29, *range(32, 43)}


def test_every_trap_has_a_test_named_after_it() -> None:
    """So that a reader finds what a trap means here."""
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert {
        int(number) for number in re.findall(r"^(?:async )?def test_t(\d\d)_", text, re.MULTILINE)
    } == TRAPS


def test_every_trap_has_a_mutation() -> None:
    """So that its test is known to notice."""
    assert {int(mutant.trap.removeprefix("T")) for mutant in MUTANTS} == TRAPS


def test_every_mutation_fits_the_source() -> None:
    """Found here in no time, and not only when they are tried: its line occurs, once."""
    source = Path(ranvier.__file__).parent
    astray = [
        (mutant.trap, mutant.bug)
        for mutant in EVERY
        if (source / mutant.file).read_text().count(mutant.line) != 1
    ]
    assert astray == []
