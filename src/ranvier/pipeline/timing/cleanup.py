"""Closing what a provider has begun: bounded, and without a say in how the call has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ranvier.pipeline.timing.cancellation import CLEANUP_SECONDS
from ranvier.pipeline.timing.wait_timer import WaitTimer

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


async def close_in_time(call: Call, close: Callable[[], Awaitable[object]]) -> None:
    """Await `close()` for `CLEANUP_SECONDS` at most; what goes wrong then is logged."""
    watch = WaitTimer(call)
    watch.start(call.pipeline.clock() + CLEANUP_SECONDS, "cleanup")
    try:
        await close()
    except BaseException as error:
        late = watch.ended_by(error) is not None
        if not (late or isinstance(error, Exception) or watch.is_theirs(error)):
            raise
        _complain(call, late)
    finally:
        watch.end()


def _complain(call: Call, late: bool) -> None:
    what = f"took more than {CLEANUP_SECONDS:g} s" if late else "failed"
    call.pipeline.complaints.log(
        "cleanup",
        call.deployment.provider.name,
        f"closing a stream of %s {what}",
        call.deployment,
        trace=not late,
    )
