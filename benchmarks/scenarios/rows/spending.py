"""What one tenant can spend at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST, SECOND, prompt
from benchmarks.scenarios.upstream import USAGE, Behaviour, Reply, Upstream, overloaded, silent
from benchmarks.scenarios.world import Ask, World, at_random, names
from ranvier import Deployment, StreamEvent, Usage
from ranvier.layers import SpendLimit
from ranvier.pipeline import Call

TOKENS = 100_000.0
OPTIONS = {"max_tokens": 100}
LOUD = "loud"


class Metered(Upstream):
    """An upstream that reports `usage` of the loud tenant."""

    usage = USAGE

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The answer in pieces."""
        async for event in super().stream(call):
            yield replace(event, usage=self.usage) if event.usage and call.tenant == LOUD else event


def _metered(name: str, behaviour: Behaviour, usage: Usage) -> Metered:
    provider, _, model = name.partition("/")
    upstream = Metered(provider, model, behaviour)
    upstream.usage = usage
    return upstream


class Account:
    """What the loud tenant has settled and reserved, watched at every request.

    Attributes:
        sent: The most when one of its requests is sent.
        ever: The most at any time.
        one, reserved: What one of its requests reserves, and the most that was reserved.
    """

    def __init__(self, limit: SpendLimit) -> None:
        self._limit = limit
        self.sent = self.ever = self.one = self.reserved = 0.0

    def look(self, call: Call) -> None:
        """A request of `call` is sent."""
        account = self._limit.account(LOUD)
        total = account.settled + account.reserved
        self.ever, self.reserved = max(self.ever, total), max(self.reserved, account.reserved)
        if call.tenant == LOUD:
            self.sent, self.one = max(self.sent, total), self.one or account.reserved

    def excess(self, usage: Usage) -> float:
        """What exceeds the limit, as a share of what the calls in flight cost beyond their reservations."""
        beyond = usage.input + usage.output - self.one
        return max(self.ever - TOKENS, 0.0) / (max(beyond, 1.0) * self.reserved / self.one)


@row(
    "1,000 simultaneous calls near a tenant's spend limit",
    usage={"usage within the reservation": USAGE, "usage of 5,000 tokens": Usage(input=4000, output=1000)},
)
def last_cent(world: World, usage: Usage) -> Figures:
    """Each tenant may spend 100,000 tokens per hour. One makes 1,000 calls at once, 20 others 5 per second.

    15 % of the requests to both targets get no reply, and 15 % get a 503. No request is sent that would take
    its tenant's spent and reserved tokens above the limit. The loud tenant uses its limit; all calls of the
    others are answered. If answers cost more than the 1,168 tokens reserved for each, the limit is exceeded
    only by the excess of the calls in flight.
    """
    limit = SpendLimit(TOKENS, 3600)
    account = Account(limit)

    def watched(behaviour: Behaviour) -> Behaviour:
        def answer(call: Call) -> Reply:
            account.look(call)
            chance = world.rng.random() if call.tenant == LOUD else 1.0
            return (silent if chance < 0.15 else overloaded if chance < 0.3 else behaviour)(call)

        return answer

    well = prompt(world.rng, 1.0)
    targets = [Deployment(_metered(name, watched(well), usage), options=OPTIONS) for name in (FIRST, SECOND)]
    calls = sorted([*(Ask(1.0, LOUD) for _ in range(1000)), *at_random(names(20), 5, 120, world.rng)])
    log = world.play([*targets], calls, layers=[limit])
    figures = log.figures()
    others = [each for each in log.calls if each.tenant != LOUD]
    figures.checks += [
        Check("most settled and reserved when sent", account.sent / TOKENS, 1.0),
        Check("used of the limit", account.ever / TOKENS, 0.95, least=True),
        Check("excess by that of the calls in flight", account.excess(usage), 1.0),
        Check("others answered", sum(each.error is None for each in others) / len(others), 1.0, least=True),
    ]
    return figures
