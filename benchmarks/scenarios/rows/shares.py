"""How the calls of one tenant delay those of the others."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial
from random import Random

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST
from benchmarks.scenarios.upstream import Draw, Reply, Upstream, lognormal
from benchmarks.scenarios.world import Ask, World, at_random, names
from ranvier.layers import Bulkhead
from ranvier.pipeline import Call

PLACES, SERVICE = 20, 2.0


def _spread(sigma: float, rng: Random) -> Draw:
    """Answers that take `SERVICE` seconds on average."""
    return lognormal(SERVICE / math.exp(sigma**2 / 2), sigma, rng)


ANSWERS: dict[str, Callable[[Random], Draw]] = {
    "constant": partial(_spread, 0.0),
    "lognormal 0.5": partial(_spread, 0.5),
    "lognormal 1.0": partial(_spread, 1.0),
}


class WithSlots(Upstream):
    """An upstream that limits its connections, as a stack without a bulkhead does."""

    slots: asyncio.Semaphore | None = None

    def open(self, pipeline: object) -> None:
        """Create the slots on the pipeline's event loop."""
        self.slots = asyncio.Semaphore(PLACES)


@row("1,000 simultaneous calls of one tenant, a bulkhead of 20", answers=ANSWERS)
def loud_burst(world: World, answers: Callable[[Random], Draw]) -> Figures:
    """Answers take 2 s on average. For 90 s, 20 quiet tenants make 5 calls per second, with unlimited waits.

    p99 of the quiet tenants' waits is at most 1.1 service times. No place is free while a call waits. With
    features off, 20 connections are shared first come, first served, with waits of at most 10 s.
    """
    draw, bulkhead = answers(Random(world.rng.random())), Bulkhead(PLACES, max_wait=None)
    free: list[object] = []

    def answer(call: Call) -> Reply:
        free.extend(each for each in bulkhead.places if each.waiting and each.in_flight < each.limit)
        return Reply(0.0, pieces=1, gap=draw())

    plain = world.features == "off"
    provider, _, model = FIRST.partition("/")
    upstream = (WithSlots if plain else Upstream)(provider, model, answer)
    calls = [Ask(0.0, "loud")] * 1000 + list(at_random(names(20), 5, 90, world.rng))
    log = world.play([upstream], calls, deadline=600, **({} if plain else {"layers": [bulkhead]}))
    quiet = sorted(each.first for each in log.calls if each.tenant != "loud")
    figures = log.figures()
    figures.checks += [
        Check("quiet p99 in service times", quiet[int(0.99 * len(quiet))] / SERVICE, 1.1),
        Check("places free while a call waits", len(free), 0),
        Check("success", figures.success, 0.99, least=True),
    ]
    return figures
