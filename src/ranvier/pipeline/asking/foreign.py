"""How the code of others fails: by a CancelledError of its own, in its clean-up, by one error for many calls.

Providers, resolvers, listeners and layers are the user's. A `CancelledError` that a plain function raises is
always its own failure: nobody can cancel in the middle of it. One that comes out of an `await` is, unless
the task was cancelled since that wait began.
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
"""What we write into an error about the call in which it was raised."""


async def failure_of(call: Call, watch: WaitTimer, raised: BaseException) -> BaseException:
    """What a wait for the provider of `call` that `raised` ended has failed by: a limit, or the provider.

    The caller's cancellation, and what ends a program, stay what they are.
    """
    ours, reason = watch.ours, watch.ended_by(raised)
    if ours is not None and reason is not None:
        if (cancelled := await ours.absorb(raised)) is not None:
            return cancelled
        late = too_late(call, reason)
        late.__cause__ = cause_of(raised)
        return late
    if isinstance(raised, asyncio.CancelledError) and watch.is_theirs(raised):
        return cancelled_by_itself(call, raised)
    return own_error(call, raised)


def cancelled_by_itself(call: Call, cancelled: asyncio.CancelledError) -> ConnectionFailedError:
    """The error for a provider that raises a `CancelledError` while nobody has cancelled the call."""
    deployment = call.deployment
    error = ConnectionFailedError(
        f"{deployment} raised a CancelledError, but nobody cancelled the call",
        provider=deployment.provider.name,
        model=deployment.model,
    )
    error.__cause__ = cancelled
    return error


def is_of_another_call(call: Call, error: BaseException) -> bool:
    """Whether `error` was raised in another call before."""
    return isinstance(error, RanvierError) and error.record not in (None, call.record)


def own_error(call: Call, error: Raised) -> Raised:
    """`error`, for `call` alone: one that was raised in another call before stays with that, and is copied.

    So a function may keep one error and raise it for everybody. Nothing that we know of one call is told
    to another, and no traceback of it grows on.
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
