"""The lines about a route in `print(pipeline)`: times to first content, and hedge budgets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Protocol

from ranvier.layers.fallback.first_tokens import MIN_SAMPLES
from ranvier.layers.fallback.hedge_rule import MAX_SAVED, HedgeBudget
from ranvier.layers.fallback.pace import Pace
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.layers.fallback.balance.balancer import Balancer
    from ranvier.pipeline.deployment import Deployment

MAX_SHOWN = 12
"""Maximum number of targets, and of providers, that are listed."""


class Route(Protocol):
    """The part of a `Fallback` that is shown; each member is documented there."""

    hedges: bool
    detects_silence: bool
    budget: HedgeBudget
    balancers: Mapping[Deployment, Balancer]
    balances: tuple[Balancer, ...]

    def deployments(self) -> Iterable[Deployment]:
        """Every target."""

    def pace_of(self, target: Deployment) -> Pace:
        """The usual times to the first content at `target`."""

    def delay_at(self, target: Deployment, now: float) -> float | None:
        """Seconds of silence after which a call there is hedged."""


def status_lines(route: Route, now: float) -> Iterator[str]:
    """A line for each target that is balanced or watched for silence, and for each provider of hedges."""
    for balancer in route.balances:
        yield from balancer.status(now)
    if not route.detects_silence:
        return
    targets = tuple(route.deployments())
    for target in targets[:MAX_SHOWN]:
        yield f"{target}: {', '.join(_of_target(route, target, now))}"
    if route.hedges:
        receivers = targets if len(targets) == 1 or targets[0] in route.balancers else targets[1:]
        for provider in islice(dict.fromkeys(each.provider.name for each in receivers), MAX_SHOWN):
            yield f"hedges to {provider}: {route.budget.left(provider):.1f} of {MAX_SAVED:.0f} left"


def _of_target(route: Route, target: Deployment, now: float) -> Iterator[str]:
    pace = route.pace_of(target)
    p99 = pace.p99(now)
    if p99 is None:
        yield f"p99 of first content unknown before {MIN_SAMPLES} calls"
    else:
        yield f"p99 of first content {p99:.1f} s"
    delay = route.delay_at(target, now) if route.hedges else None
    if delay is not None:
        yield f"hedged after {delay:.1f} s"
    if pace.suspect_until == inf:
        yield "no content yet"
    elif now < pace.suspect_until:
        yield "suspect, because it was silent"
    if pace.lingering:
        yield f"{counted(pace.lingering, 'attempt')} lingering"
