"""What happens to a request between its writing and its sending: more headers, a token, a signature.

Each step gets the final request, with the bytes of its body, and may wait: for a token, for example. It is
asked again for a request that is fixed after a rejection. A provider without any step pays nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from ranvier.providers._http.port import HttpReply, HttpRequest

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

Send = Callable[[HttpRequest], Awaitable[HttpReply]]
"""Sends a request."""


class Preparation(ABC):
    """One step in the preparation of every request to a provider."""

    @abstractmethod
    async def prepared(self, call: Call, request: HttpRequest) -> HttpRequest:
        """`request` with what this step adds, as another object; see `HttpRequest.adding`."""

    async def renewed(self, call: Call, reply: HttpReply) -> bool:
        """True if `reply`, an error, rejects what this step added, and there is something newer now.

        The request is prepared and sent once more then. The body of `reply` has not been read.
        """
        return False


async def send_prepared(
    steps: Sequence[Preparation], call: Call, send: Send, request: HttpRequest
) -> HttpReply:
    """Send `request` after all `steps`, and once more if one of them has renewed what was rejected."""
    reply = await send(await _prepared(steps, call, request))
    if reply.ok:
        return reply
    try:
        again = [await step.renewed(call, reply) for step in steps]
    except BaseException:
        await reply.aclose()
        raise
    if not any(again):
        return reply
    await reply.aclose()
    return await send(await _prepared(steps, call, request))


async def _prepared(steps: Sequence[Preparation], call: Call, request: HttpRequest) -> HttpRequest:
    for step in steps:
        request = await step.prepared(call, request)
    return request
