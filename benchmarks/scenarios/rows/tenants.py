"""What one tenant does to the others."""

from __future__ import annotations

from random import Random

from benchmarks.scenarios.figures import Check, Figures, Heard
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST, SECOND, prompt, target
from benchmarks.scenarios.upstream import for_tenants, overloaded, within
from benchmarks.scenarios.world import Ask, World, at_random, names, rhythm

FIVE_MINUTES = 300.0


def _served_by_first(calls: list[Heard], affected: set[str]) -> float:
    quiet = [each for each in calls if each.tenant not in affected]
    return sum(each.target == FIRST for each in quiet) / len(quiet)


@row("One loud tenant whose calls all fail", share={"80 % of the calls": 0.8, "90 % of the calls": 0.9})
def loud_tenant(world: World, share: float) -> Figures:
    """20 calls per second for five minutes; the first target returns 503 only to the loud tenant.

    The first target answers all calls of the 20 other tenants.
    """
    first = target(FIRST, for_tenants({"loud"}.__contains__, overloaded, prompt(world.rng)))
    others = Random(world.seed)
    calls = [
        Ask(ask.at, "loud" if others.random() < share else ask.tenant)
        for ask in at_random(names(20), 20, FIVE_MINUTES, world.rng)
    ]
    log = world.play([first, target(SECOND, prompt(world.rng))], calls)
    figures = log.figures()
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("others served by the first target", _served_by_first(log.calls, {"loud"}), 1.0, least=True),
    ]
    return figures


@row("60 % of the tenants fail at a target, 40 % succeed")
def sixty_forty(world: World) -> Figures:
    """50 tenants call every 5 s for six minutes; after one minute the first target returns 503 to 30 of them.

    The first target answers at least 99 % of the calls of the other 20.
    """
    failing = set(names(30))
    first = prompt(world.rng)
    behaviour = for_tenants(failing.__contains__, within(60, 360, overloaded, first), first)
    calls = rhythm(names(50), 5, 360, world.rng)
    log = world.play([target(FIRST, behaviour), target(SECOND, prompt(world.rng))], calls)
    figures = log.figures(since=60)
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("the well served by the first target", _served_by_first(log.calls, failing), 0.99, least=True),
    ]
    return figures
