"""Sends a call to one target with one key after another."""

from __future__ import annotations

from ranvier.errors.root import RanvierError
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, R


async def by_keys(call: Call, inner: Handler[R]) -> R:
    """Send `call` to its target with the key that the resolver returns, and with another if that fails."""
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
