"""A call that waits at a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.waiting.held import RequeueError

if TYPE_CHECKING:
    from ranvier.layers.throttle.wait_queue import Ticket, WaitQueue
    from ranvier.pipeline.call import Call


async def wait_at(queue: WaitQueue, call: Call, due: float) -> Ticket | None:
    """Wait without a place in a bulkhead, and record the wait; `None` if `call` is not admitted before `due`.

    Raises:
        RequeueError: it is admitted, but no place in the bulkhead is free now.
    """
    started_at, reason = call.pipeline.clock(), queue.gate.reason.value
    if call.held is not None:
        call.held.give_back()
    try:
        ticket = await queue.wait(call, due)
    finally:
        recorder.waited(call, "gate", started_at, reason)
    if ticket is not None and call.held is not None:
        try:
            call.held.take_back()
        except RequeueError:
            ticket.leave()
            raise
    return ticket
