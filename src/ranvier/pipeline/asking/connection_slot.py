"""Connection slots: the requests to one provider that may be in flight at a time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.timing.limit import too_late
from ranvier.pipeline.timing.limits import slot_wait
from ranvier.pipeline.timing.wait_timer import WaitTimer, earlier

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


async def take_slot(
    call: Call, timer: WaitTimer, slots: asyncio.Semaphore, began: float
) -> tuple[float, float]:
    """Take a connection slot, waiting if all are in use; returns the start of the attempt and the wait.

    Requests wait here and never inside an HTTP pool: so the wait is not charged to the provider, and a
    cancelled request leaves nothing behind (encode/httpcore#1093).

    Raises:
        LocalCapacityError: no slot became free in time; nothing was sent.
        RejectedError: after the wait, a layer would not admit the call any more.
        TimedOutError: no time is left for an attempt.
    """
    try:
        if slots.locked():
            return await _wait_for_slot(call, timer, slots, began)
        await slots.acquire()  # a semaphore of another library may suspend here
        return began, 0.0
    except BaseException as error:
        timer.fail(error)
        raise


async def _wait_for_slot(
    call: Call, timer: WaitTimer, slots: asyncio.Semaphore, began: float
) -> tuple[float, float]:
    if not call.watch.queues or call.watch.hedged:
        raise too_late(call, "slot")
    for permit in call.probing:
        permit.waits(call)
    due, phase = earlier((call.deadline, "deadline"), began + slot_wait(call.limits), "slot")
    if call.watch.until is not None:
        due, phase = earlier((due, phase), call.watch.until, "turn")
    try:
        with timer.until(due, phase):
            await slots.acquire()
    finally:
        recorder.waited(call, "slot", began)
    try:
        for layer in call.pipeline.layers:
            layer.recheck(call, began)
        sent = timer.begin()
    except BaseException:
        release_slot(slots)
        raise
    return sent, sent - began


def release_slot(slots: asyncio.Semaphore) -> None:
    """Release the slot to another request."""
    with suppress(RuntimeError):  # the loop was closed before the call was garbage collected
        slots.release()
