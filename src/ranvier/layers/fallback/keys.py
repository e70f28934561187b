"""Sends a call to one target with one key after another."""

from __future__ import annotations

from collections.abc import Awaitable

from ranvier.errors.rejected import NotAllowedError
from ranvier.errors.root import RanvierError
from ranvier.pipeline.asking.payments import check
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, R


def send(call: Call, inner: Handler[R]) -> Awaitable[R]:
    """Send `call` to its target with its key; with a resolver, also with another key if that one fails."""
    if call.purses:
        check(call)  # nothing is looked up or waited for that cannot be paid
    credentials = call.pipeline.credentials
    if credentials.resolver is not None:
        return _by_keys(call, inner)
    call.credential = credentials.default(call, call.deployment)
    return inner(call)


async def _by_keys(call: Call, inner: Handler[R]) -> R:
    credentials = call.pipeline.credentials
    await credentials.resolve(call)
    while True:
        try:
            return await inner(call)
        except RanvierError as error:
            another = error.about_key or isinstance(error, NotAllowedError)
            if not another or call.watch.hedged:  # if hedged, another target is already in flight
                raise
            following = await credentials.following(call, error)
            if following is None:
                raise
            call = following
