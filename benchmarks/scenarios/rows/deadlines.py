"""What an answer, or the last target, gets of the deadline."""

from __future__ import annotations

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST, SECOND, THIRD, prompt, target
from benchmarks.scenarios.upstream import Reply, silent
from benchmarks.scenarios.world import Ask, World, names


@row("An answer that streams for 170 s")
def long_answer(world: World) -> Figures:
    """The deadline is 180 s; there is a second target. Five answers with a chunk every 5 s are complete."""
    steady = [target(FIRST, lambda call: Reply(1.0, pieces=34, gap=5.0)), target(SECOND, prompt(world.rng))]
    figures = world.play([*steady], [Ask(0.0, tenant) for tenant in names(5)]).figures()
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("requests to the second target", figures.requests[SECOND], 0),
    ]
    return figures


@row("A deadline of 8 s, three targets, two of them silent")
def short_deadline(world: World) -> Figures:
    """Each of five tenants makes one call. The third target is tried in time, and answers."""
    targets = [target(FIRST, silent), target(SECOND, silent), target(THIRD, prompt(world.rng))]
    calls = [Ask(number * 10.0, tenant) for number, tenant in enumerate(names(5))]
    figures = world.play([*targets], calls, deadline=8).figures()
    figures.checks.append(Check("success", figures.success, 1.0, least=True))
    return figures
