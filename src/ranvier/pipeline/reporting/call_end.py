"""Ends a call: updates its record, notifies listeners, and completes its error."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ranvier.pipeline.asking.foreign import is_of_another_call, own_error
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.reporting.announce import announce_call
from ranvier.pipeline.running.elsewhere import closed_error

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.outcome import Outcome
    from ranvier.pipeline.running.lifecycle import Lifecycle
    from ranvier.pipeline.streaming.stream import ResponseStream


def hand_out(
    call: Call,
    stream: ResponseStream,
    lifecycle: Lifecycle,
    reader: asyncio.Task[Any],
    ended: Callable[[Outcome], None] | None = None,
) -> None:
    """Hand a stream out to its reader. The call ends with the stream, or as `ended` decides."""
    stream.reader = weakref.ref(reader)
    if stream.response is not None:  # it ended without content; other targets may have been tried since
        stream.response.attempts = call.record.attempts
    if ended is not None:
        stream.on_end(
            ended
        )  # before it is no stream in flight any more, or a closing pipeline would seem idle
    lifecycle.follow(stream)  # before the call is removed, for the same reason
    if ended is None:
        stream.on_end(lambda outcome: over(call))


def fail(call: Call, error: BaseException) -> None:
    """Record that a call has failed.

    Raises:
        RanvierError: a copy of `error`, if that belongs to another call.
        ConfigurationError: the pipeline closed, and `error` is the result of our cancellation.
    """
    if call.record.cut_off and isinstance(error, Exception):
        raise failed(call, closed_error()) from error
    if is_of_another_call(call, error):
        raise failed(call, own_error(call, error))
    failed(call, error)


def failed(call: Call, error: BaseException) -> BaseException:
    """Record `error`, notify listeners, and return it."""
    recorder.call_failed(call.record, call.pipeline.clock(), error)
    over(call)
    return error


def over(call: Call) -> None:
    """Emit that a call has ended."""
    announce_call(call)
    call.record.context = None  # the record may live long, and the context refers to many objects
