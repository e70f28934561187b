"""What the doctor has found, for people."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ranvier.cli.doctor.inspection import PipelineReport, url_of
from ranvier.cli.doctor.reaching import Reach
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.timing.limits import Limits


def lines(patient: PipelineReport) -> Iterator[str]:
    """All of it, line by line."""
    yield "stack"
    yield from (f"  {layer.place.name:<8} {layer!r}" for layer in patient.layers)
    yield "targets"
    for target in patient.targets:
        yield from _of_target(patient, target)
    yield "one call at most"
    yield from (f"  {line}" for line in _of_bounds(patient))
    yield from _of_warnings(patient)


def _of_target(patient: PipelineReport, target: Deployment) -> Iterator[str]:
    yield f"  {target}"
    yield f"    key      {patient.keys[target.target] or 'not found'}"
    yield f"    limits   {_limits(patient.limits[target.target])}"
    url = url_of(target)
    if url is not None:
        seen = patient.reach.get(url)
        yield f"    address  {url}{'' if seen is None else f': {_reach(seen)}'}"


def _limits(limits: Limits) -> str:
    set_ = {name: getattr(limits, name) for name in ("seconds", "connect", "first_token", "idle")}
    return ", ".join(f"{name} {value:g} s" for name, value in set_.items() if value is not None) or "none"


def _reach(seen: Reach) -> str:
    steps = [("DNS", seen.dns), ("TCP", seen.tcp), ("TLS", seen.tls)]
    told = ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in steps if value is not None)
    if seen.failed is not None:
        told = f"{seen.failed}{f' (after {told})' if told else ''}"
    return told if seen.proxy is None else f"by the proxy {seen.proxy}: {told}"


def _of_bounds(patient: PipelineReport) -> Iterator[str]:
    usual, first, repaired = patient.bound(), patient.bound(refusals=True), patient.bound(repairs=1)
    more = first.attempts - usual.attempts
    yield f"{usual.attempts} upstream attempts; {repaired.attempts} where it asks for a repair (repair=1)"
    if more:
        yield f"and once {more} more, should the targets turn out to refuse streaming"
    if math.isinf(first.seconds):
        yield "any number of seconds: nothing bounds it"
    else:
        cut = ", when its deadline cuts it off" if first.seconds == patient.deadline else ""
        yield f"{first.seconds:g} s{cut}"
    if patient.own_layers:
        yield f"not counting what {', '.join(patient.own_layers)} may add: give it a method `bound`"


def _of_warnings(patient: PipelineReport) -> Iterator[str]:
    if not patient.warnings:
        yield "nothing to warn of"
        return
    yield f"{len(patient.warnings)} warnings" if len(patient.warnings) > 1 else "1 warning"
    for each in patient.warnings:
        yield f"  {each.check}" + (f" at {', '.join(each.targets)}" if each.targets else "")
        yield f"    {each.why}"
        yield f"    -> {each.remedy}"
