"""A call that waits at a gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ranvier.clock import earliest
from ranvier.pipeline.queueing.costs import Costs
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.waiting.worth import waited

if TYPE_CHECKING:
    from ranvier.layers.throttle.wait_queue import Ticket, WaitQueue
    from ranvier.pipeline.call import Call

USUAL = Costs()
"""Estimates the cost of calls. Real costs are settled in a bulkhead, and not at a gate."""


class Turn(NamedTuple):
    """The rank of a call in the queue of a gate: see `FairQueue.wait`."""

    weight: float
    priority: int
    cost: float
    first: bool


def turn_of(call: Call) -> Turn:
    """The rank of `call`: the weight and the priority of its place in a bulkhead, if it has one."""
    weight, priority = (1.0, 0) if call.held is None else call.held.standing()
    return Turn(weight, priority, USUAL.expected(call.request), first=waited(call, "gate") > 0)


def due_at(call: Call, max_wait: float) -> float:
    """The time until which `call` may wait at a gate: its waits at the target take `max_wait` at most."""
    due = earliest(call.pipeline.clock() + max_wait - waited(call, "gate"), call.deadline)
    due = earliest(due, call.watch.until)
    due = due if call.held is None else earliest(due, call.held.latest)
    assert due is not None
    return due


async def wait_at(
    queue: WaitQueue, call: Call, turn: Turn, due: float, stays: Callable[[], bool]
) -> Ticket | None:
    """Wait without a place in a bulkhead, and record the wait; `None` if `call` is not admitted before `due`.

    Raises:
        RequeueError: it is admitted, but no place in the bulkhead is free now.
    """
    started_at, reason = call.pipeline.clock(), queue.gate.reason.value
    if call.held is not None:
        call.held.give_back()
    try:
        return await queue.wait(call, turn, due, stays)
    finally:
        recorder.waited(call, "gate", started_at, reason)
