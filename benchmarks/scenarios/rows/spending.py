"""What one tenant can spend at once."""

from __future__ import annotations

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST, SECOND, prompt, target
from benchmarks.scenarios.upstream import Behaviour, Reply, overloaded, silent
from benchmarks.scenarios.world import Ask, World, at_random, names
from ranvier import Deployment
from ranvier.layers import SpendLimit
from ranvier.pipeline import Call

TOKENS = 100_000.0
OPTIONS = {"max_tokens": 100}


@row("A thousand calls at once over the last cent of a tenant")
def last_cent(world: World) -> Figures:
    """Each tenant may spend 100,000 tokens an hour. One makes 1,000 calls at once, 20 others make 5 a second.

    Of the requests to both targets 15 % are silent and 15 % get a 503. At no instant has a tenant settled and
    reserved more than its limit, the loud one uses it, and the others are all answered.
    """
    limit, largest = SpendLimit(TOKENS, 3600), [0.0]

    def watched(behaviour: Behaviour) -> Behaviour:
        def answer(call: Call) -> Reply:
            largest[0] = max(largest[0], sum(limit.account(call.tenant)[1:]))
            chance = world.rng.random() if call.tenant == "loud" else 1.0
            return (silent if chance < 0.15 else overloaded if chance < 0.3 else behaviour)(call)

        return answer

    well = prompt(world.rng, 1.0)
    targets = [Deployment(target(name, watched(well)), options=OPTIONS) for name in (FIRST, SECOND)]
    calls = sorted([*(Ask(1.0, "loud") for _ in range(1000)), *at_random(names(20), 5, 120, world.rng)])
    log = world.play([*targets], calls, layers=[limit])
    figures = log.figures()
    others = [each for each in log.calls if each.tenant != "loud"]
    figures.checks += [
        Check("most settled and reserved", largest[0] / TOKENS, 1.0),
        Check("used of the limit", largest[0] / TOKENS, 0.95, least=True),
        Check("others answered", sum(each.error is None for each in others) / len(others), 1.0, least=True),
    ]
    return figures
