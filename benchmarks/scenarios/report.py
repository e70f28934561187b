"""The results of a run, as text and as docs/scenarios.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.rows import NOT_RUN, ROWS

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"

INTRODUCTION = """\
# Outage scenarios

`nox -s scenarios` runs these scenarios in virtual time and writes this page. It exits with status 1 if
`resilient()` misses a limit. `nox -s scenarios -- --short` takes less than a minute, and `-- --only NAME`
runs one scenario.

- **off** is a stack without hedges, shared circuits and budgets: `Deadline(180)`, `Fallback`,
  `Retry(max_retries=2)`, `Throttle()`, `Breaker(failure_threshold=5, success_threshold=2, cooldown=10,
  max_cooldown=60)` and `Timeout(first_token=..., idle=15)`.
- **on** is `resilient(...)`.
- Times are seconds until the first content, or until a call failed. Requests are counted per target, in the
  order of the targets.
- Each scenario runs with several seeds. The column *checked* shows the worst value of each checked figure,
  with its limit.
"""

COLUMNS = ("calls", "requests", "success", "mean", "p50", "p99", ">= 15 s")


@dataclass(frozen=True)
class Result:
    """The figures of one variant of a scenario, by whether the features were on; the worst of its seeds."""

    name: str
    variant: str
    figures: dict[str, Figures]


def cells(figures: Figures) -> list[str]:
    """One line of a table."""
    return [
        f"{figures.offered:,}",
        " + ".join(f"{number:,}" for number in figures.requests.values()),
        f"{figures.success:.1%}",
        *(f"{seconds:.2f}" for seconds in (figures.mean, figures.p50, figures.p99)),
        f"{figures.late:.1%}",
    ]


def told(check: Check) -> str:
    """A check in words."""
    return f"{check.what} {check.value:.4g} ({'>=' if check.least else '<='} {check.bound:g})"


def lines(result: Result) -> Iterator[str]:
    """A result, as text."""
    yield f"{result.name} [{result.variant}]" if result.variant else result.name
    for features, figures in result.figures.items():
        values = "  ".join(f"{column} {cell}" for column, cell in zip(COLUMNS, cells(figures), strict=True))
        yield f"  {features:3}  {values}"
        for check in figures.checks:
            yield f"       {'pass' if check.passed else 'FAIL'}  {told(check)}"


def page(results: list[Result]) -> str:
    """The page."""
    parts = [INTRODUCTION]
    for name, row in ROWS.items():
        parts += [
            f"\n## {row.title}\n",
            f"`{name}`: {row.words}\n",
            *_table([r for r in results if r.name == name]),
        ]
    parts.append("\n## Not run\n")
    parts += [f"- {what}: {why}." for what, why in NOT_RUN.items()]
    return "\n".join(parts) + "\n"


def _table(results: list[Result]) -> Iterator[str]:
    yield "| variant | features | " + " | ".join(COLUMNS) + " | checked | |"
    yield "|---" * (len(COLUMNS) + 4) + "|"
    for result in results:
        for features, figures in result.figures.items():
            bounded = "<br>".join(map(told, figures.checks))
            verdict = "pass" if figures.passed else "**fail**"
            row = [result.variant or "-", features, *cells(figures), bounded, verdict]
            yield f"| {' | '.join(row)} |"
