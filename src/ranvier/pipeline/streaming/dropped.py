"""What becomes of a stream that is dropped while it goes on."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ranvier.pipeline.streaming.streamed_answer import StreamedAnswer


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


def expiry_of(stream: StreamedAnswer) -> Callable[[], None]:
    """What ends `stream` at its deadline. It holds it weakly, or a dropped one would live on in its timer."""
    held = weakref.ref(stream)

    def expire() -> None:
        if (living := held()) is not None:
            living.expire()

    return expire
