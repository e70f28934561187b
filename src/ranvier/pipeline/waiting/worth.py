"""Decides whether a call may wait in front of its target, and whether waiting helps."""

from __future__ import annotations

from itertools import dropwhile, islice
from typing import TYPE_CHECKING, Final

from ranvier.pipeline.waiting.later import later_target_admits

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.runtime import Stacked


IN_QUEUES: Final = ("bulkhead", "limit", "pacing", "gate")
"""The kinds of waits in front of a target, which share one `max_wait`."""


def may_queue(call: Call) -> bool:
    """False for a hedge, a rescued call, a probe, and a last-resort attempt: they are sent now or never."""
    watch = call.watch
    if not watch.queues or watch.hedged or watch.rescued or watch.last_target:
        return False
    return not any(layer.may_probe(call) for layer in call.pipeline.layers)


def waited(call: Call, *kinds: str) -> float:
    """The seconds that `call` has already waited at its target, in all attempts: its waits of these kinds."""
    target, waits = call.deployment.target, call.record.waits
    if not waits:
        return 0.0
    return sum(each.seconds for each in waits if each.kind in kinds and each.target == target)


def waiting_helps(call: Call, due: float, at: Stacked) -> bool:
    """True if the layers inside `at` would admit `call` in time, and no later target would admit it now."""
    further_in = islice(dropwhile(lambda layer: layer is not at, call.pipeline.layers), 1, None)
    wait = max((layer.admits_in(call) for layer in further_in), default=0.0)
    return call.pipeline.clock() + wait < due and not later_target_admits(call)
