"""Formats the doctor's report as text."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ranvier.cli.doctor.inspection import PipelineReport, url_of
from ranvier.cli.doctor.reachability import Reach
from ranvier.cli.doctor.turns import Turn, turns_of
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.timing.limits import Limits
from ranvier.wording import counted


def lines(report: PipelineReport) -> Iterator[str]:
    """The report, line by line."""
    yield "stack"
    yield from (f"  {layer.place.name:<8} {layer!r}" for layer in report.layers)
    yield "targets"
    for target in report.targets:
        yield from _of_target(report, target)
    for turns in turns_of(report):
        if len(turns) > 1:
            yield "turns of targets that are all silent"
            yield from (f"  {_of_turn(turn)}" for turn in turns)
    yield "longest call"
    yield from (f"  {line}" for line in _of_bounds(report))
    yield from _of_warnings(report)


def _of_target(report: PipelineReport, target: Deployment) -> Iterator[str]:
    yield f"  {target}"
    yield f"    key      {report.keys[target.target] or 'not found'}"
    yield f"    limits   {_limits(report.limits[target.target])}"
    url = url_of(target)
    if url is not None:
        seen = report.reach.get(url)
        yield f"    address  {url}{'' if seen is None else f': {_reach(seen)}'}"


def _limits(limits: Limits) -> str:
    set_ = {name: getattr(limits, name) for name in ("seconds", "connect", "first_token", "idle")}
    return ", ".join(f"{name} {value:g} s" for name, value in set_.items() if value is not None) or "none"


def _of_turn(turn: Turn) -> str:
    if math.isinf(turn.starts):
        return f"{turn.target}: never asked"
    has = "any time" if math.isinf(turn.seconds) else f"{round(turn.seconds, 1):g} s"
    then = "" if turn.hedged is None else f"; the next is asked as well after {round(turn.hedged, 1):g} s"
    return f"{turn.target}: asked at {round(turn.starts, 1):g} s, has {has} until its first content{then}"


def _reach(seen: Reach) -> str:
    steps = [("DNS", seen.dns), ("TCP", seen.tcp), ("TLS", seen.tls)]
    text = ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in steps if value is not None)
    if seen.failed is not None:
        text = f"{seen.failed}{f' (after {text})' if text else ''}"
    return text if seen.proxy is None else f"by the proxy {seen.proxy}: {text}"


def _of_bounds(report: PipelineReport) -> Iterator[str]:
    usual, first, repaired = report.bound(), report.bound(refusals=True), report.bound(repairs=1)
    more = first.attempts - usual.attempts
    yield f"{counted(usual.attempts, 'attempt')}; {repaired.attempts} with a schema repair (repair=1)"
    if more:
        yield f"and {more} more once, if the targets do not support streaming"
    if math.isinf(first.seconds):
        yield "no time limit"
    else:
        cut = ", the deadline" if first.seconds == report.deadline else ""
        yield f"{first.seconds:g} s{cut}"
    if report.own_layers:
        yield f"without what {', '.join(report.own_layers)} may add: give it a method `bound`"


def _of_warnings(report: PipelineReport) -> Iterator[str]:
    if not report.warnings:
        yield "no warnings"
        return
    yield counted(len(report.warnings), "warning")
    for each in report.warnings:
        yield f"  {each.check}" + (f" at {', '.join(each.targets)}" if each.targets else "")
        yield f"    {each.why}"
        yield f"    -> {each.remedy}"
