"""How the calls of one tenant delay those of the others where they share a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.shares import ANSWERS, SERVICE
from benchmarks.scenarios.rows.targets import FIRST
from benchmarks.scenarios.upstream import Draw, Limited, Reply, Upstream
from benchmarks.scenarios.world import Ask, World, at_random, names
from ranvier import Pipeline
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.pipeline import Call, Handler, Layer, Place
from ranvier.pipeline.layer import R

FIRST_TOKEN = 0.2


class Alike(Layer):
    """Hides the tenants from the layers inside it, which then serve them first come, first served."""

    place = Place.ADMIT

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Go on as the only tenant."""
        call = call.asking(call.request)
        call.tenant = "everybody"
        return await inner(call)


def _patient(*targets: Upstream, alike: bool, **settings: Any) -> Pipeline:
    """A stack in which no call gives up."""
    return Pipeline(
        Deadline(600),
        Fallback(*targets),
        Retry(max_retries=20, budget=None),
        *([Alike()] if alike else []),
        Throttle(max_wait=600),
        Breaker(),
        Timeout(None, first_token=20, idle=60),
        **settings,
    )


@row(
    "1,000 simultaneous calls of one tenant, a shared key with a limit of 10 calls per second",
    answers={name: ANSWERS[name] for name in ("constant", "lognormal 1.0")},
)
def loud_burst_at_a_key(world: World, answers: Callable[[Random], Draw]) -> Figures:
    """The same tenants and answers, unlimited calls in flight, and a `Throttle` that waits for up to 600 s.

    p99 of the quiet tenants' waits, including retries, is at most 1.1 service times. With features off, calls
    pass the gate of the key first come, first served.
    """
    draw = answers(Random(world.rng.random()))
    limited = Limited(10, lambda call: Reply(FIRST_TOKEN, pieces=1, gap=draw()), waits=True)
    provider, _, model = FIRST.partition("/")
    calls = [Ask(0.0, "loud")] * 1000 + list(at_random(names(20), 5, 90, world.rng))
    world.stack = partial(_patient, alike=world.features == "off")
    log = world.play(
        [Upstream(provider, model, limited)], calls, deadline=600, credentials=lambda tenant, _: "shared"
    )
    quiet = sorted(each.first - FIRST_TOKEN for each in log.calls if each.tenant != "loud")
    figures = log.figures()
    figures.checks += [
        Check("quiet p99 in service times", quiet[int(0.99 * len(quiet))] / SERVICE, 1.1),
        Check("success", figures.success, 0.99, least=True),
    ]
    return figures
