"""Handles failures of user code: its own CancelledErrors, and one error raised in several calls.

Providers, resolvers, listeners and layers may be user code. A `CancelledError` that a plain function raises
is always its own failure, because a task cannot be cancelled inside a plain function. One that comes out of
an `await` is its own failure unless the task was cancelled since that await began.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, TypeVar

from ranvier.errors.provider import ConnectionFailedError
from ranvier.errors.root import RanvierError
from ranvier.pipeline.timing.limit import cause_of, too_late

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.timing.wait_timer import WaitTimer

Raised = TypeVar("Raised", bound=BaseException)

_OF_ITS_CALL = ("attempts", "record", "retry_useless")
"""Attributes that we set on an error about the call in which it was raised."""


async def failure_of(call: Call, timer: WaitTimer, raised: BaseException) -> BaseException:
    """The error to raise for a wait that ended by `raised`: a timeout of ours, or the provider's error.

    The caller's cancellation, and errors that end the program, are returned unchanged.
    """
    ours, reason = timer.ours, timer.ended_by(raised)
    if ours is not None and reason is not None:
        if (cancelled := await ours.absorb(raised)) is not None:
            return cancelled
        late = too_late(call, reason)
        late.__cause__ = cause_of(raised)
        return late
    if isinstance(raised, asyncio.CancelledError) and timer.is_theirs(raised):
        return cancelled_by_itself(call, raised)
    return own_error(call, raised)


def cancelled_by_itself(call: Call, cancelled: asyncio.CancelledError) -> ConnectionFailedError:
    """The error for a provider that raises a `CancelledError` although the call was not cancelled."""
    deployment = call.deployment
    error = ConnectionFailedError(
        f"{deployment} raised a CancelledError, but the call was not cancelled",
        provider=deployment.provider.name,
        model=deployment.model,
    )
    error.__cause__ = cancelled
    return error


def is_of_another_call(call: Call, error: BaseException) -> bool:
    """True if `error` was raised in another call before."""
    return isinstance(error, RanvierError) and error.record not in (None, call.record)


def own_error(call: Call, error: Raised) -> Raised:
    """`error` with the record of `call`; a copy if it was raised in another call before.

    So user code may raise one error object in many calls: no data of one call leak into another, and its
    traceback does not grow.
    """
    if not is_of_another_call(call, error):
        if isinstance(error, RanvierError):
            error.record = call.record
            error.__dict__.pop("retry_useless", None)
        return error
    assert isinstance(error, RanvierError)
    cause = error.__cause__
    fresh = copy.copy(error)
    for name in _OF_ITS_CALL:
        fresh.__dict__.pop(name, None)
    fresh.record = call.record
    error.__traceback__ = error.__context__ = None
    fresh.__cause__ = cause
    return fresh
