"""Estimates the worst case of one call: the most upstream attempts, and the most seconds.

It is computed along the path of a call, from the inside out:

    an attempt   waits for a connection slot, then takes as long as its limits allow
    the layers   around it each add their part: `Layer.bound`
    the keys     of a resolver: each target may be asked again with further keys
    the route    calls the targets of one chain in turn, or a single target twice at a time
    the layers   around the route; a deadline cuts off the rest

It assumes that every step is as slow as allowed and fails as often as possible. A hedge asks the next target
sooner, but adds no request, unless the chain has a single target. The last-resort attempt at a target that a
shared circuit rejected adds none either, because that target was not asked before. Silence is limited by
`first_token` and by the share of each target; an answer that has begun is limited only by the whole attempt
and the deadline. Not included: the time that a reader spends on the events of a stream, and providers that
ignore cancellation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ranvier.pipeline.asking.optional_members import may_have_slots, stream_of
from ranvier.pipeline.credentials.key_rotation import MAX_FURTHER_KEYS
from ranvier.pipeline.place import Place
from ranvier.pipeline.timing.limits import UNLIMITED, Limits, slot_wait
from ranvier.pipeline.worst_case import WorstCase

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime, Stacked


def of_call(pipeline: Runtime, *, repairs: int = 0, refusals: bool = True) -> WorstCase:
    """The worst case of one call of `pipeline`, over all targets where it can start.

    Args:
        pipeline: The pipeline.
        repairs: 1 for a call with `repair=1`, which may ask the model once more.
        refusals: Count an attempt for each target that may reject streaming, which happens only once.
    """
    place = next(number for number, layer in enumerate(pipeline.layers) if layer.place == Place.ROUTE)
    inside, route, outside = pipeline.layers[place + 1 :], pipeline.layers[place], pipeline.layers[:place]
    keys = 1 if pipeline.credentials.resolver is None else 1 + MAX_FURTHER_KEYS
    bound = _widest(
        sum(
            (at_target(inside, target, repairs=repairs, refusals=refusals) for target in chain), WorstCase()
        ).times(route.asks(chain))
        for chain in route.chains()
    ).times(keys)
    if pipeline.credentials.resolver is not None:  # only a deadline bounds the wait for a resolver
        bound = bound.later(math.inf)
    for layer in reversed(outside):
        bound = layer.bound(bound, None)
    return bound.whole()


def at_target(
    layers: Iterable[Stacked], target: Deployment, *, repairs: int = 0, refusals: bool = True
) -> WorstCase:
    """The worst case at one target, through the layers inside the route."""
    layers = tuple(layers)
    limits = limits_at(layers, target)
    bound = of_attempt(target, limits, repairs=repairs)
    for layer in reversed(layers):
        bound = layer.bound(bound, target)
    bound = bound.whole()
    if refusals and stream_of(target.provider) is not None:
        bound += of_attempt(target, limits)
    return bound


def of_attempt(target: Deployment, limits: Limits, *, repairs: int = 0) -> WorstCase:
    """The worst case of one attempt. A repair is a second one within the same limit, except its slot wait."""
    slot = 0.0
    if takes_slot(target):
        slot = slot_wait(limits)
    seconds = math.inf if limits.seconds is None else limits.seconds
    return WorstCase(1 + repairs, (1 + repairs) * slot + seconds)


def limits_at(layers: Iterable[Stacked], target: Deployment) -> Limits:
    """The limits of an attempt at `target`: those of the innermost layer that sets any."""
    limits = UNLIMITED
    for layer in layers:
        limits = layer.limits_at(target) or limits
    return limits


def takes_slot(target: Deployment) -> bool:
    """True if the provider limits its connections, so that a call may have to wait for a slot."""
    return may_have_slots(target.provider)


def _widest(bounds: Iterable[WorstCase]) -> WorstCase:
    most = tuple(bounds)
    return WorstCase(max(bound.attempts for bound in most), max(bound.seconds for bound in most))
