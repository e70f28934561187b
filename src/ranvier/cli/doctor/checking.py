"""Registers checks: functions that yield problems with their consequence and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ranvier.cli.doctor.inspection import Finding, PipelineReport

Check = Callable[[PipelineReport], Iterator[Finding]]

Problems = Iterator[tuple[str | None, str, str]]
"""Each problem: the target (`None` for the whole stack), why it matters, and the remedy."""

CHECKS: list[Check] = []
"""All checks, in the order of their warnings."""


def check(function: Callable[[PipelineReport], Problems]) -> Check:
    """Register `function`, which yields (target, why, remedy), as a check with its name."""
    name = function.__name__.replace("_", "-")

    def run(report: PipelineReport) -> Iterator[Finding]:
        at: dict[tuple[str, str], list[str]] = {}  # the same finding at several targets is reported once
        for target, why, remedy in function(report):
            at.setdefault((why, remedy), []).extend([] if target is None else [target])
        for (why, remedy), targets in at.items():
            yield Finding(name, tuple(dict.fromkeys(targets)), why, remedy)

    run.__name__, run.__doc__ = name, function.__doc__
    CHECKS.append(run)
    return run


def settings_of(report: PipelineReport, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """The settings of each layer of that kind for each target."""
    for layer in report.layers:
        if isinstance(layer, kind):
            yield from ((target.target, layer.settings_for(target)) for target in report.targets)
