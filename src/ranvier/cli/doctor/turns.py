"""The time that each target of a chain gets until its first content, if all targets before it are silent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ranvier.layers.fallback.layer import Fallback
from ranvier.pipeline.asking.optional_members import stream_of

if TYPE_CHECKING:
    from ranvier.cli.doctor.inspection import PipelineReport
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.timing.limits import Limits


@dataclass(frozen=True, slots=True)
class Turn:
    """The time of one target in a chain of silent ones; infinity means no limit.

    Attributes:
        target: The target.
        starts: Seconds from the start of the call until it is asked.
        seconds: Seconds that it then has until its first content.
        wanted: Seconds that its own limits would allow.
        hedged: Seconds after which the next target is asked as well; `None` if only after this one fails.
    """

    target: str
    starts: float
    seconds: float
    wanted: float
    hedged: float | None


def turns_of(report: PipelineReport) -> list[list[Turn]]:
    """The turns in each chain; omits chains that end another one, or differ only within a balance."""
    route = next((layer for layer in report.layers if isinstance(layer, Fallback)), None)
    if route is None:
        return []
    chains = [each for each in report.chains if not any(_is_end(each, other) for other in report.chains)]
    balancers = route.balancers
    distinct = {tuple([balancers.get(each, each) for each in chain]): chain for chain in reversed(chains)}
    return [list(_turns(route, chain, report)) for chain in reversed(distinct.values())]


def _is_end(chain: Sequence[Deployment], of: Sequence[Deployment]) -> bool:
    return len(chain) < len(of) and tuple(of[-len(chain) :]) == tuple(chain)


def _turns(route: Fallback, chain: Sequence[Deployment], report: PipelineReport) -> Iterator[Turn]:
    now, deadline = 0.0, report.deadline
    for place, target in enumerate(chain):
        later, limits = chain[place + 1 :], report.limits[target.target]
        reserved = later and route.reserve is not None and now < deadline < math.inf
        until = route.turn_ends(deadline, now, later) if reserved else deadline
        wanted = or_never(limits.first_token if _streams(target, limits) else limits.seconds)
        seconds = min(wanted, or_never(limits.seconds), max(until - now, 0.0))
        hedged = _hedged(route, target, limits) if later else None
        if hedged is not None and hedged >= seconds:
            hedged = None
        yield Turn(target.target, now, seconds, wanted, hedged)
        now += seconds if hedged is None else hedged


def _hedged(route: Fallback, target: Deployment, limits: Limits) -> float | None:
    """The hedge delay of a target while its times are not known."""
    if isinstance(route.hedge_rule.after, str):
        return route.pace_of(target).cold_hedge(limits) if _streams(target, limits) else None
    return route.hedge_rule.after


def _streams(target: Deployment, limits: Limits) -> bool:
    """True if silence is also detected for `complete()`."""
    return limits.over_stream and stream_of(target.provider) is not None


def or_never(limit: float | None) -> float:
    """`limit`, or infinity if there is none."""
    return math.inf if limit is None else limit
