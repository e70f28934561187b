"""What a check is: a function that says where something is wrong, why it matters, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ranvier.cli.doctor.inspection import Finding, PipelineReport
from ranvier.pipeline.deployment import Deployment

Check = Callable[[PipelineReport], Iterator[Finding]]

Found = Iterator[tuple[str | None, str, str]]
"""A target, or `None` for the whole stack; why it matters; the remedy."""

CHECKS: list[Check] = []
"""All of them, in the order in which they are told."""


def check(function: Callable[[PipelineReport], Found]) -> Check:
    """A check is called as its function is; that yields (target, why, remedy)."""
    name = function.__name__.replace("_", "-")

    def examine(patient: PipelineReport) -> Iterator[Finding]:
        at: dict[tuple[str, str], list[str]] = {}  # what is the same at several targets is told once
        for target, why, remedy in function(patient):
            at.setdefault((why, remedy), []).extend([] if target is None else [target])
        for (why, remedy), targets in at.items():
            yield Finding(name, tuple(dict.fromkeys(targets)), why, remedy)

    examine.__name__, examine.__doc__ = name, function.__doc__
    CHECKS.append(examine)
    return examine


def settings_of(patient: PipelineReport, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """For each target the settings of the layer of that kind, where there is one."""
    for layer in patient.layers:
        if isinstance(layer, kind):
            yield from ((target.target, layer.settings_for(target)) for target in patient.targets)


def family_of(target: Deployment) -> str:
    """Whose models it asks for, whatever its user calls it."""
    return str(getattr(target.provider, "family", target.provider.name))
