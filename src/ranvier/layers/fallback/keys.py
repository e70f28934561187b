"""Sends a call to one target with one key after another."""

from __future__ import annotations

from collections.abc import Awaitable

from ranvier.errors.rejected import RejectedError
from ranvier.errors.root import RanvierError
from ranvier.layers.fallback.verdict import out_of_time
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, R
from ranvier.pipeline.reporting import recorder


def send(call: Call, inner: Handler[R]) -> Awaitable[R]:
    """Send `call` to its target with its key; with a resolver, also with another key if that one fails."""
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
            following = await credentials.following(call, error) if error.about_key else None
            if following is None:
                raise
            call = following


async def ask_only(call: Call, target: Deployment, inner: Handler[R]) -> R:
    """Send the call to its only target, where nothing watches the attempt."""
    if call.deadline is not None and call.deadline <= call.pipeline.clock():
        raise out_of_time(target, ())
    directed = call.to(target)
    try:
        return await send(directed, inner)
    except RejectedError as error:
        recorder.skipped(directed, error)
        raise
