"""The most that one call can cost its caller: upstream attempts, and seconds.

It is worked out as a call travels, only from the inside out:

    an attempt   waits for a connection slot, then takes as long as its limits let it
    the layers   around it each say what they make of that: `Layer.bound`
    the route    asks the targets of one chain, one after the other
    the layers   around all of it, of which a deadline cuts off the rest

Everybody is as slow as allowed and fails as often as can be. The time for which the reader of a
stream holds its events is not in it, nor what a provider does that does not let itself be cancelled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ranvier.pipeline.credentials.key_rotation import MAX_FURTHER_KEYS
from ranvier.pipeline.place import Place
from ranvier.pipeline.timing.limits import UNLIMITED, Limits, slot_wait
from ranvier.pipeline.worst_case import WorstCase

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime, Stacked


def of_call(pipeline: Runtime, *, repairs: int = 0, refusals: bool = True) -> WorstCase:
    """The most that one call of `pipeline` can take, wherever it starts.

    Args:
        pipeline: Whose.
        repairs: 1 for a call with `repair=1`, which may show a model once what is wrong.
        refusals: Count that a target may refuse to stream, which costs one attempt, once and for all.
    """
    place = next(number for number, layer in enumerate(pipeline.layers) if layer.place == Place.ROUTE)
    inside, route, outside = pipeline.layers[place + 1 :], pipeline.layers[place], pipeline.layers[:place]
    keys = 1 if pipeline.credentials.resolver is None else 1 + MAX_FURTHER_KEYS
    bound = _widest(
        sum((at_target(inside, target, repairs=repairs, refusals=refusals) for target in chain), WorstCase())
        for chain in route.chains()
    ).times(keys)
    if pipeline.credentials.resolver is not None:  # nothing but a deadline bounds the wait for it
        bound = bound.later(math.inf)
    for layer in reversed(outside):
        bound = layer.bound(bound, None)
    return bound


def at_target(
    layers: Iterable[Stacked], target: Deployment, *, repairs: int = 0, refusals: bool = True
) -> WorstCase:
    """The same at one target, through the layers inside the route."""
    layers = tuple(layers)
    limits = limits_at(layers, target)
    bound = of_attempt(target, limits, repairs=repairs)
    for layer in reversed(layers):
        bound = layer.bound(bound, target)
    if refusals and getattr(target.provider, "stream", None) is not None:
        bound += of_attempt(target, limits)
    return bound


def of_attempt(target: Deployment, limits: Limits, *, repairs: int = 0) -> WorstCase:
    """The same of one attempt. A repair is a second one in its time, but for the wait for a slot."""
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
    """True where the provider counts its connections, so that a call may have to wait for one."""
    return hasattr(target.provider, "slots")


def _widest(bounds: Iterable[WorstCase]) -> WorstCase:
    most = tuple(bounds)
    return WorstCase(max(bound.attempts for bound in most), max(bound.seconds for bound in most))
