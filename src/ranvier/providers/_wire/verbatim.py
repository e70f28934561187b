"""Sends requests as an SDK has written them, and keeps the replies as they came.

The body is read as well, so that layers learn of content, usage and errors. Nothing is repaired or
translated, because the SDK that wrote the request will read the reply. An answer that the model refuses or a
filter stops is an error for the layers, and is kept for the SDK, which reads it as an answer.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from ranvier.errors.provider import (
    ContentFilterError,
    InvalidRequestError,
    InvalidResponseError,
    ProviderError,
)
from ranvier.errors.root import RanvierError
from ranvier.messages.collector import Step, steps_of
from ranvier.messages.native import RESPONSES
from ranvier.messages.response import FinishReason, Response
from ranvier.providers._http.port import HttpReply, HttpRequest
from ranvier.providers._reading.forms import wrapper_of
from ranvier.providers._reading.reading import ErrorFactory, Json, NoAnswerError, label
from ranvier.providers._reading.streamed import AnswerStream
from ranvier.providers._wire.header_key import check_key
from ranvier.providers._wire.tenants_server import server_of
from ranvier.providers._wire.written_request import WrittenRequest

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.adapter import Adapter
    from ranvier.providers._wire.wire import Wire

NOT_HANDED_BACK: Final = frozenset(
    ("content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive", "set-cookie")
)
"""Headers of a connection, and of a body that we have decoded."""

ODD: Final = "the answer has another form than the API's: an SDK would not read all of it"
"""Why an answer that we can read is not handed to an SDK."""


PROMISES: Final = ("queued", "in_progress")
"""The statuses of a response that the server makes in the background."""


class VerbatimReply:
    """A reply as it came.

    Attributes:
        status: Its HTTP status; 0 until it arrives.
        headers: Its headers, without those of the connection.
        refused: True if it is a refusal, which has come to its end.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.refused = False
        self._arrived: deque[bytes] = deque()  # another thread may take from it

    def began(self, reply: HttpReply) -> None:
        """The status and the headers have arrived."""
        self.status = reply.status
        self.headers = {name: value for name, value in reply.headers.items() if name not in NOT_HANDED_BACK}

    def arrived(self, chunk: bytes) -> None:
        """Keep the next bytes of the body until they are taken."""
        self._arrived.append(chunk)

    def take(self) -> bytes:
        """The bytes of the body that have arrived since this was called last."""
        return b"".join(self._arrived.popleft() for _ in range(len(self._arrived)))


def _request(adapter: Adapter, call: Call, wire: Wire) -> HttpRequest:
    """The request of `call` at its target: another address, key and model, and the rest as it came."""
    written, model = written_in(call), call.deployment.model
    check_key(call, adapter.name, needed=adapter.needs_credential)
    url = wire.base_url_for(call.credential) + wire.path(model, written.streamed)
    if written.query:
        url += ("&" if "?" in url else "?") + written.query
    return HttpRequest(
        url,
        {"content-type": "application/json", **written.headers, **wire.headers(call.credential)},
        written.content_for(model),
        provider=adapter.name,
        model=model,
        connect=call.limits.connect,
        secret=call.credential,
    )


class VerbatimStream(AnswerStream):
    """The events of an answer, whose bytes are in `reply`."""

    def __init__(self, adapter: Adapter, call: Call) -> None:
        self.reply = VerbatimReply()
        super().__init__(_steps(adapter, call, self.reply))


async def _steps(adapter: Adapter, call: Call, kept: VerbatimReply) -> AsyncGenerator[list[Step], None]:
    """The steps of the answer, in one list for each chunk of a streamed body."""
    server = server_of(adapter, call)
    written, wire = written_in(call), server.wire_for(call)
    reply = await server.sender(call)(_request(server, call, wire))
    try:
        kept.began(reply)
        if not reply.ok:
            raise await _error_of(reply, kept, written, call.deployment.target)
        if not written.streamed:
            yield await _whole(server, call, wire, reply, kept)
            return
        async with aclosing(_streamed(server, call, wire, reply, kept)) as chunks:
            async for each in chunks:
                yield each
    finally:
        await reply.aclose()


async def _streamed(
    adapter: Adapter, call: Call, wire: Wire, reply: HttpReply, kept: VerbatimReply
) -> AsyncGenerator[list[Step], None]:
    errors = ErrorFactory(reply, in_stream=True)
    body = adapter.streamed_body(call, wire, errors)
    try:
        while not body.finished:
            try:
                chunk = await reply.chunk()
            except ProviderError as error:
                if not body.ends_by(error):
                    raise
                chunk = b""
            events = body.feed(chunk)
            if body.lenient and body.error is None:
                body.error, events = errors.no_answer(NoAnswerError(ODD)), []
            if not isinstance(body.error, InvalidResponseError):  # otherwise it may end like an answer
                kept.arrived(chunk)
            yield events
            if body.error is not None:
                if isinstance(body.error, ContentFilterError) and not body.lenient:
                    kept.refused = True
                    written_in(call).rejections[call.deployment.target] = kept
                raise body.error
        await reply.drain()
    finally:
        body.error = None
        events = chunk = None  # type: ignore[assignment]  # because: a traceback might show them


async def _whole(
    adapter: Adapter, call: Call, wire: Wire, reply: HttpReply, kept: VerbatimReply
) -> list[Step]:
    content = await reply.read()
    kept.arrived(content)
    plain, written = _plain(content), written_in(call)
    answer = _promised(plain, written) or adapter.read_answer(content, call, wire, reply)
    if plain is None and not isinstance(answer, RanvierError):
        answer = ErrorFactory(reply).no_answer(NoAnswerError(ODD), content)
    if plain is not None and isinstance(answer, ContentFilterError):
        written.rejections[call.deployment.target] = kept
    try:
        if isinstance(answer, RanvierError):
            raise answer
        return list(steps_of(answer))
    finally:
        del answer, content, plain  # breaks the reference cycle of the error and this frame


def _plain(content: bytes) -> Json | None:
    """The JSON object of a body if it is the answer itself: all that an SDK reads."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and wrapper_of(body) is None else None


def _promised(body: Json | None, written: WrittenRequest) -> Response | None:
    """The reply to a request with `background`: the answer itself is fetched later, by its id."""
    if body is None or written.wire != RESPONSES or not written.fields.get("background"):
        return None
    status, found = body.get("status"), label(body.get("id"))
    if found is None or status not in PROMISES:
        return None
    return Response(id=found, finish_reason=FinishReason.OTHER, raw_finish_reason=status)


async def _error_of(
    reply: HttpReply, kept: VerbatimReply, written: WrittenRequest, target: str
) -> RanvierError:
    """The error of a reply, which is kept for the SDK, so that it raises its own."""
    content = await reply.read_start()
    kept.arrived(content)
    written.rejections[target] = kept
    return ErrorFactory(reply).from_body(content)


def written_in(call: Call) -> WrittenRequest:
    """The request of `call`, which is written already."""
    assert isinstance(call.request, WrittenRequest)
    return call.request


def lacks(adapter: Adapter, call: Call) -> InvalidRequestError | None:
    """Why the target cannot serve a request that is written for one wire, and perhaps for one server."""
    written, target = written_in(call), call.deployment
    if written.stays_at not in (None, adapter.name):
        reason = f"cannot serve a request that refers to something kept by {written.stays_at}"
    elif not adapter.speaks(written.wire, target.facts_of or target.model):
        reason = f"does not speak the wire of the request, {written.wire}"
    else:
        return None
    return adapter.unsupported(call, reason)
