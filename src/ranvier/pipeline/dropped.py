"""What becomes of a stream that is dropped while it goes on."""

from __future__ import annotations

import asyncio
import sys
import warnings
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.streamed_answer import StreamedAnswer


def settle_later(dying: StreamedAnswer, loop: asyncio.AbstractEventLoop) -> None:
    """End a stream whose finalizer runs: on its loop, and as another object in the same state.

    The garbage collector runs in any thread, and in the middle of anything, also of a change of state.
    """
    heir = object.__new__(type(dying))
    heir.__dict__.update(dying.__dict__)
    try:
        if not sys.is_finalizing():
            loop.call_soon_threadsafe(heir.abandon, context=Context())
            return
    except RuntimeError:  # the loop is closed
        pass
    heir.forsake()


def warn_of_drop(
    reader: weakref.ref[asyncio.Task[object]] | None, deployment: Deployment, loop: asyncio.AbstractEventLoop
) -> None:
    """Warn of a stream that its reader dropped, unless that was cancelled, or it or its loop has ended."""
    task = None if reader is None or loop.is_closed() or sys.is_finalizing() else reader()
    if task is not None and not task.cancelled() and not task.cancelling():
        warnings.warn(
            f"a stream of {deployment} was dropped before its end: read it inside `async with "
            "pipeline.stream(...) as stream`, or end it with `await stream.aclose()`",
            ResourceWarning,
            stacklevel=3,
        )


def expiry_of(stream: StreamedAnswer) -> Callable[[], None]:
    """What ends `stream` at its deadline. It holds it weakly, or a dropped one would live on in its timer."""
    held = weakref.ref(stream)

    def expire() -> None:
        if (living := held()) is not None:
            living.expire()

    return expire
