"""The page: for the first act a summary, four pictures and one call in detail; then the second act."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from html import escape
from importlib.resources import files

from ranvier.cli.demo.act import PROVIDERS
from ranvier.cli.demo.report.calls import calls
from ranvier.cli.demo.report.circuits import circuits
from ranvier.cli.demo.report.drawing import Time, tag
from ranvier.cli.demo.report.figures import MARKS, detail, figure, tiles
from ranvier.cli.demo.report.film import Film
from ranvier.cli.demo.report.strips import answers, health
from ranvier.cli.demo.scenario import Scenario
from ranvier.cli.demo.tally import Verdict

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Allows no requests and no scripts, whatever the page contains."""


def page(film: Film, scenario: Scenario, verdict: Verdict, after: str = "") -> str:
    """The whole file; `after` is the section of the second act."""
    style = (files(__package__) / "report.css").read_text(encoding="utf-8")
    title = f"{scenario.tenants} tenants and an outage"
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>\n{style}</style></head>\n"
    )
    body = tag("h1", escape(title)) + _summary(film, scenario, verdict)
    body += "\n".join(_figures(film, scenario))
    return f"{head}<body><main>{body}{after}{_foot(scenario)}</main></body></html>\n"


def _summary(film: Film, scenario: Scenario, verdict: Verdict) -> str:
    """The result in two sentences, and tiles with numbers."""
    started_at, ended = scenario.outage
    what = (
        f"From second {started_at:g} to second {ended:g} {PROVIDERS[0]} was down, {PROVIDERS[1]} was rate "
        f"limited, and the key of {scenario.unlucky} was invalid all the time."
    )
    served = "All calls were answered" if not verdict.failed else f"{verdict.failed} calls failed"
    agree = "agree" if not verdict.differences else f"do not agree: {verdict.differences[0]}"
    result = f"{served}; the records of the calls and the log of the providers {agree}."
    kind = "verdict" if verdict.good else "verdict bad"
    return tag("p", tag("strong", escape(result)) + " " + escape(what), class_=kind) + _tiles(film, verdict)


def _tiles(film: Film, verdict: Verdict) -> str:
    took = sorted(call.story.seconds for call in film.calls) or [0.0]
    shown = (
        ("calls", verdict.calls, "in all"),
        ("rescued", verdict.rescued, "succeeded after a failed attempt"),
        ("failed", verdict.failed, "no target answered"),
        ("skipped", film.skipped(PROVIDERS[0]), f"rejected by the open circuit at {PROVIDERS[0]}"),
        ("p50", f"{statistics.median(took):.2f} s", "latency"),
        ("p95", f"{took[int(0.95 * (len(took) - 1))]:.2f} s", "latency"),
        ("p99", f"{took[int(0.99 * (len(took) - 1))]:.2f} s", "latency"),
    )
    return tiles(*shown)


def _figures(film: Film, scenario: Scenario) -> Iterator[str]:
    time = Time(max(scenario.seconds, film.seconds, 0.1))
    yield figure(
        "The providers",
        "Requests: answered ones point up, failed ones point down.",
        health(film, scenario, time),
    )
    for provider in PROVIDERS:
        if film.troubled(provider):
            yield figure(
                f"The circuits at {provider}",
                "One line per tenant. A tenant's failures open only its own circuit.",
                circuits(film, scenario, provider, time),
                (("closed", "closed"), ("open", "open"), ("half_open", "half-open: probes are admitted")),
            )
    yield figure(
        "The calls",
        "Latency of each call, by the time it ended.",
        calls(film, time),
        MARKS,
    )
    yield figure("Calls by provider", "The provider that answered each call.", answers(film, time))
    yield detail(film)


def _foot(scenario: Scenario) -> str:
    options = f"--tenants {scenario.tenants} --seconds {scenario.seconds * 2:g} --seed {scenario.seed}"
    command = tag("code", f"ranvier demo {options}")
    return tag("footer", f"Made by {command} over real connections, so times vary a little.")
