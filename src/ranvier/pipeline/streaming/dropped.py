"""Ends a stream that is garbage collected before it has ended."""

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
    from ranvier.pipeline.streaming.streamed_answer import StreamedAnswer


def settle_later(stream: StreamedAnswer, loop: asyncio.AbstractEventLoop) -> None:
    """End a stream whose finalizer runs, on its loop, by another object that takes its state over.

    The garbage collector may run in any thread and in the middle of any code, so nothing is changed here.
    """
    copy = object.__new__(type(stream))
    copy.__dict__.update(stream.__dict__)
    try:
        if not sys.is_finalizing():
            loop.call_soon_threadsafe(copy.abandon, context=Context())
            return
    except RuntimeError:  # the loop is closed
        pass
    copy.abandon_silently()


def warn_of_drop(
    reader: weakref.ref[asyncio.Task[object]] | None, deployment: Deployment, loop: asyncio.AbstractEventLoop
) -> None:
    """Warn of a dropped stream, unless its reader was cancelled, or the reader or the loop has ended."""
    task = None if reader is None or loop.is_closed() or sys.is_finalizing() else reader()
    if task is not None and not task.cancelled() and not task.cancelling():
        warnings.warn(
            f"a stream of {deployment} was dropped before its end: read it inside `async with "
            "pipeline.stream(...) as stream`, or end it with `await stream.aclose()`",
            ResourceWarning,
            stacklevel=3,
        )


def expiry_of(stream: StreamedAnswer) -> Callable[[], None]:
    """A callback that ends `stream` at its deadline; its reference is weak: timers keep no stream alive."""
    held = weakref.ref(stream)

    def expire() -> None:
        if (living := held()) is not None:
            living.expire()

    return expire
