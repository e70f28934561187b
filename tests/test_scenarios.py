"""Every scenario of an outage is on the page, repeats by its seed, and fails the command out of bounds."""

from pathlib import Path

import pytest

from benchmarks.scenarios import __main__ as command
from benchmarks.scenarios.figures import Check, Figures, Heard, measured, worst
from benchmarks.scenarios.report import PAGE, Result, lines, page
from benchmarks.scenarios.rows import NOT_RUN, ROWS


def figures(*values: float) -> Figures:
    checks = [Check(str(number), value, 1.0) for number, value in enumerate(values)]
    return Figures(1, {}, 1.0, 0.0, 0.0, 0.0, 0.0, checks)


def test_the_page_has_every_scenario_and_variant() -> None:
    """With its features off and on; `nox -s scenarios` writes it."""
    sections = dict(part.split("\n", 1) for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:])
    assert list(sections) == [*(row.title for row in ROWS.values()), "Not run"]
    for name, row in ROWS.items():
        for variant in row.variants:
            for features in ("off", "on"):
                assert f"| {variant or '-'} | {features} |" in sections[row.title], name
        assert f"`{name}`: {row.words}" in sections[row.title]
    assert all(what in sections["Not run"] for what in NOT_RUN)


@pytest.mark.parametrize("name", ["limited-model", "short-deadline", "absurd-wait"])
def test_a_seed_repeats(name: str) -> None:
    """The same seed has the same figures, and everything is counted."""
    variant = next(iter(ROWS[name].variants))
    first, again = (ROWS[name].run(variant, "off", 7) for _ in range(2))
    assert first == again
    assert first.offered > 0
    assert sum(first.requests.values()) > 0


def test_the_worst_of_several_runs_counts() -> None:
    """The worst value of every check, wherever it was measured."""
    assert [check.value for check in worst([figures(0.5, 2.0), figures(0.7, 0.1)]).checks] == [0.7, 2.0]
    least = [Figures(1, {}, 1.0, 0, 0, 0, 0, [Check("", value, 1.0, least=True)]) for value in (0.9, 0.2)]
    assert worst(least).checks[0].value == 0.2


@pytest.mark.parametrize(
    ("off", "on", "status"), [(0.5, 0.5, 0), (2.0, 0.5, 0), (0.5, 2.0, 1)], ids=["both", "off", "on"]
)
def test_the_command_fails_for_the_stack_with_features_on(
    off: float, on: float, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The other stack is there to compare. The page shows what was measured."""
    ran = [Result(name, "", {"off": figures(off), "on": figures(on)}) for name in ROWS]
    monkeypatch.setattr(command, "results", lambda *_: iter(ran))
    monkeypatch.setattr(command, "PAGE", tmp_path / "scenarios.md")
    assert command.main([]) == status
    assert (tmp_path / "scenarios.md").read_text(encoding="utf-8") == page(ran)
    assert any("FAIL" in line for line in lines(ran[0])) is (max(off, on) > 1)


def test_a_scenario_chosen_by_name_writes_no_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And an unknown name is answered with the names that there are."""
    monkeypatch.setattr(command, "PAGE", None)
    monkeypatch.setattr(command, "results", lambda *_: iter([]))
    assert command.main(["--only", "two-keys"]) == 0
    assert command.main(["--short"]) == 0
    assert command.main(["--only", "nothing"]) == 2
    assert "two-keys" in capsys.readouterr().out


def test_times_are_counted_over_all_calls() -> None:
    """Failed calls too: a call that fails late has waited."""
    calls = [Heard("one", 0.0, 1.0, "a/b", None), Heard("one", 1.0, 15.0, None, "timeout")]
    found = measured(calls, {"a/b": 2})
    assert (found.offered, found.success, found.mean, found.late) == (2, 0.5, 8.0, 0.5)
