"""A streamed answer, chunk by chunk of its body."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ranvier.errors.provider import ProviderError
from ranvier.providers._reading.reading import ErrorFactory
from ranvier.providers._wire.tenants_server import server_of

if TYPE_CHECKING:
    from ranvier.messages.collector import Step
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.adapter import Adapter


async def chunks(adapter: Adapter, call: Call) -> AsyncGenerator[list[Step], None]:
    """The steps of the streamed answer, in one list for each chunk of the body."""
    server = server_of(adapter, call)
    wire = server.wire_for(call)
    fixing = server._fixing(call, wire)
    reply = await fixing.sent(server._request(call, wire, streaming=True))
    body = server.streamed_body(call, wire, ErrorFactory(reply, in_stream=True))
    try:
        while not body.finished:
            try:
                events = body.feed(await reply.chunk())
            except ProviderError as error:
                if not body.ends_by(error):
                    raise
                events = body.feed(b"")
            if fixing.open and (instead := fixing.after(reply, body.error, events)) is not None:
                await reply.aclose()
                reply = await fixing.sent(instead)
                body = server.streamed_body(call, wire, ErrorFactory(reply, in_stream=True))
                continue
            yield events
            del events  # a traceback from the code below might show them
            if body.error is not None:
                raise body.error
        await reply.drain()
    finally:
        body.error = None
        await reply.aclose()
