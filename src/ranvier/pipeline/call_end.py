"""How a call ends: what its record and the listeners are told, and what its error carries."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from ranvier.pipeline.call_events import tell_call
from ranvier.pipeline.elsewhere import closed
from ranvier.pipeline.foreign import is_of_another_call, own_error

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.stream import ResponseStream


def hand_out(call: Call, stream: ResponseStream, reader: asyncio.Task[Any]) -> None:
    """Give a stream to its reader; the call ends with it."""
    stream.reader = weakref.ref(reader)
    if stream.response is not None:  # it ended without content; others may have been asked since
        stream.response.attempts = call.record.attempts
    call.pipeline.lifecycle.follow(stream)  # before the call leaves, or else a closing pipeline seems quiet
    stream.on_end(lambda outcome: over(call))


def fail(call: Call, error: BaseException) -> None:
    """Write down how a call has failed.

    Raises:
        RanvierError: a copy of `error`, where that belongs to another call.
        ConfigurationError: the pipeline closed, and `error` is what our cancellation came out as.
    """
    if call.record.cut_off and isinstance(error, Exception):
        raise failed(call, closed()) from error
    if is_of_another_call(call, error):
        raise failed(call, own_error(call, error))
    failed(call, error)


def failed(call: Call, error: BaseException) -> BaseException:
    """`error`, now that the record and the listeners know of it."""
    call.record.failed(call.pipeline.clock(), error)
    over(call)
    return error


def over(call: Call) -> None:
    """Tell that a call has ended."""
    tell_call(call)
    call.record.context = None  # the record may be kept for long, and the context holds much
