"""Reads the body of a complete answer, also if the server has streamed it without being asked to."""

from __future__ import annotations

from collections.abc import Callable

from ranvier.errors.root import RanvierError
from ranvier.messages.collector import Collector
from ranvier.messages.response import Response
from ranvier.providers._http.port import HttpReply
from ranvier.providers._reading.forms import is_sse, unwrapped
from ranvier.providers._reading.reading import (
    ErrorFactory,
    Json,
    NoAnswerError,
    is_error,
    no_object,
    parse_object,
)
from ranvier.providers._reading.streamed import StreamedBody


def read_whole(
    content: bytes,
    reply: HttpReply,
    read: Callable[[Json], Response],
    stream: Callable[[ErrorFactory], StreamedBody],
) -> Response | RanvierError:
    """The answer in a body, or the error that it describes.

    Args:
        content: The body.
        reply: The reply that the body belongs to.
        read: Reads the JSON object of the body.
        stream: Makes a reader for a streamed body, which gateways that always stream send.
    """
    body: Json | None = None
    try:
        body = parse_object(content)
        if body is None:
            raise no_object(content)
        body = unwrapped(body)
        return ErrorFactory(reply).from_body(body) if is_error(body) else read(body)
    except NoAnswerError as reason:
        streamed = (
            read_streamed(content, stream(ErrorFactory(reply, in_stream=True))) if body is None else None
        )
        return streamed or ErrorFactory(reply).no_answer(reason, content)


def read_streamed(content: bytes, body: StreamedBody) -> Response | RanvierError | None:
    """The collected answer of the stream in `content`; `None` if it holds no stream."""
    collector = Collector()
    for chunk in (content, b""):
        if not body.finished and body.error is None:
            for step in body.feed(chunk):
                collector.add(step)
    if not (body.understood or is_sse(content)):
        return None
    return body.error or collector.answer("", "")
