"""Sends a call to one target with one key after another."""

from __future__ import annotations

from ranvier.errors.root import RanvierError
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, R


async def by_keys(call: Call, inner: Handler[R]) -> R:
    """Send the call with the key that the resolver returns, and with another when that key fails."""
    credentials = call.pipeline.credentials
    if credentials.resolver is None:
        call.credential = credentials.default(call, call.deployment)
        return await inner(call)
    call.credential = await credentials.resolve(call, call.deployment)
    while True:
        try:
            return await inner(call)
        except RanvierError as error:
            following = await credentials.following(call, error) if error.about_key else None
            if following is None:
                raise
            call = following
