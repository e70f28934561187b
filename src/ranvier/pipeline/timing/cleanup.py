"""Closes a provider's resources, with a time limit, and without effect on the outcome of the call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ranvier.pipeline.timing.cancellation import CLEANUP_SECONDS
from ranvier.pipeline.timing.wait_timer import WaitTimer

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


async def close_in_time(call: Call, close: Callable[[], Awaitable[object]]) -> None:
    """Await `close()` for at most `CLEANUP_SECONDS`; a failure is logged."""
    timer = WaitTimer(call)
    timer.start(call.pipeline.clock() + CLEANUP_SECONDS, "cleanup")
    try:
        await close()
    except BaseException as error:
        late = timer.ended_by(error) is not None
        if not (late or isinstance(error, Exception) or timer.is_theirs(error)):
            raise
        _complain(call, late)
    finally:
        timer.end()


def _complain(call: Call, late: bool) -> None:
    what = f"took more than {CLEANUP_SECONDS:g} s" if late else "failed"
    call.pipeline.complaints.log(
        "cleanup",
        call.deployment.provider.name,
        f"closing a stream of %s {what}",
        call.deployment,
        trace=not late,
    )
