"""Targets that accept requests and never say anything, and healthy ones that think for long."""

from __future__ import annotations

import math

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST, SECOND, THIRD, prompt, target
from benchmarks.scenarios.upstream import lognormal, silent, well, within
from benchmarks.scenarios.world import Ask, World, names, rhythm

HOUR = 3600.0
LEARNING = 600.0
"""Seconds for which a target that falls silent later has been well."""

COLD_OR_WARM = {"silent from the start": 0.0, "after ten good minutes": LEARNING}


def _silent_hour(world: World, tenants: int, every: float, learning: float) -> Figures:
    end = learning + HOUR
    first = target(FIRST, within(learning, end, silent, prompt(world.rng)))
    calls = rhythm(names(tenants), every, end, world.rng)
    return world.play([first, target(SECOND, prompt(world.rng))], calls).figures(since=learning)


@row("An hour of silence, 50 tenants with a call every 5 minutes", learning=COLD_OR_WARM)
def silence_every_5_minutes(world: World, learning: float) -> Figures:
    """The first of two targets is silent for an hour.

    Limits: mean 1 s, p99 13 s, 15 s or more for 1 % of the calls, 200 requests to the silent target.
    """
    figures = _silent_hour(world, 50, 300, learning)
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("mean", figures.mean, 1.0),
        Check("p99", figures.p99, 13.0),
        Check(">= 15 s", figures.late, 0.01),
        Check("requests to the silent target", figures.requests[FIRST], 200),
    ]
    return figures


@row("An hour of silence, 50 tenants with a call every 20 seconds", learning=COLD_OR_WARM)
def silence_every_20_seconds(world: World, learning: float) -> Figures:
    """The first of two targets is silent for an hour.

    Limits: mean 0.25 s, p99 5 s, 15 s or more for 0.5 % of the calls, 250 requests to the silent target.
    """
    figures = _silent_hour(world, 50, 20, learning)
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("mean", figures.mean, 0.25),
        Check("p99", figures.p99, 5.0),
        Check(">= 15 s", figures.late, 0.005),
        Check("requests to the silent target", figures.requests[FIRST], 250),
    ]
    return figures


@row("An hour of silence, one tenant with a call every 6 seconds", learning=COLD_OR_WARM)
def silence_for_one_tenant(world: World, learning: float) -> Figures:
    """The first of two targets is silent for an hour, and there are no other tenants to learn from.

    Limits: mean 1.5 s, 15 s or more for 1 % of the calls, 200 requests to the silent target.
    """
    figures = _silent_hour(world, 1, 6, learning)
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("mean", figures.mean, 1.5),
        Check(">= 15 s", figures.late, 0.01),
        Check("requests to the silent target", figures.requests[FIRST], 200),
    ]
    return figures


@row("Two silent targets, a healthy third one", apart={"at once": 0.0, "every 40 s": 40.0})
def two_silent(world: World, apart: float) -> Figures:
    """Seven tenants make one call each. All calls are answered within 30 s."""
    targets = [target(FIRST, silent), target(SECOND, silent), target(THIRD, prompt(world.rng))]
    calls = [Ask(number * apart, tenant) for number, tenant in enumerate(names(7))]
    log = world.play([*targets], calls)
    figures = log.figures()
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("slowest", max(each.first for each in log.calls), 30.0),
    ]
    return figures


@row("Healthy but slow reasoning models", median={"25 s": 25.0, "8 s": 8.0})
def thinkers(world: World, median: float) -> Figures:
    """Both targets are healthy. The median first content takes 25 s or 8 s; 50 tenants call every 5 minutes.

    Extra requests: at most 10 plus 10 % of the calls. No circuit opens.
    """
    behaviour = well(lognormal(median, 0.35, world.rng))
    calls = rhythm(names(50), 300, HOUR, world.rng)
    log = world.play([target(FIRST, behaviour), target(SECOND, behaviour)], calls)
    figures = log.figures()
    extra = sum(figures.requests.values()) - figures.offered
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("extra requests", extra, math.floor(10 + 0.1 * figures.offered)),
        Check("circuits opened", log.opened, 0),
    ]
    return figures
