"""Outages with an error, what they send upstream, and how fast the first target is used again after one."""

from __future__ import annotations

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST, SECOND, prompt, target
from benchmarks.scenarios.upstream import Behaviour, overloaded, silent, within
from benchmarks.scenarios.world import World, at_random, names

OUTAGE, AFTER = 600.0, 180.0


@row(
    "Recovery after ten minutes",
    learning={"cold": 0.0, "warm": 120.0},
    tenants={"1 tenant": 1, "50 tenants": 50},
    outage={"silence": silent, "503s": overloaded},
)
def recovery(world: World, learning: float, tenants: int, outage: Behaviour) -> Figures:
    """The first of two targets is down for ten minutes; 5 calls per second.

    Within 30 s after the outage, all calls are answered by the first target again.
    """
    end = learning + OUTAGE
    first = target(FIRST, within(learning, end, outage, prompt(world.rng)))
    calls = at_random(names(tenants), 5, end + AFTER, world.rng)
    log = world.play([first, target(SECOND, prompt(world.rng))], calls)
    elsewhere = [each.began - end for each in log.calls if each.target != FIRST]
    figures = log.figures(since=learning)
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("seconds until the first target is in use", max([0.0, *elsewhere]), 30.0),
    ]
    return figures


TENANTS = {"50 tenants": 50, "500 tenants": 500, "5,000 tenants": 5000}


@row("80 seconds of 503s, a healthy second target", tenants=TENANTS)
def overload(world: World, tenants: int) -> Figures:
    """20 calls per second. The failing target receives at most 0.15 requests per call."""
    return _overload(world, tenants, 0.15, SECOND)


@row("80 seconds of 503s, no second target", tenants=TENANTS)
def overload_alone(world: World, tenants: int) -> Figures:
    """20 calls per second. The failing target receives at most 1.1 requests per call."""
    return _overload(world, tenants, 1.1)


def _overload(world: World, tenants: int, bound: float, *others: str) -> Figures:
    targets = [target(FIRST, overloaded), *(target(name, prompt(world.rng, 0.5)) for name in others)]
    figures = world.play([*targets], at_random(names(tenants), 20, 80, world.rng)).figures()
    figures.checks.append(Check("upstream / offered", figures.requests[FIRST] / figures.offered, bound))
    if others:
        figures.checks.insert(0, Check("success", figures.success, 1.0, least=True))
    return figures
