"""The body of a whole answer, also where a server has streamed it unasked."""

from __future__ import annotations

from collections.abc import Callable

from ranvier.errors import RanvierError
from ranvier.messages import Response
from ranvier.pipeline.collector import Collector
from ranvier.providers._forms import is_sse
from ranvier.providers._http import HttpReply
from ranvier.providers._reading import Json, Judge, NoAnswerError, is_error, no_object, parse_object
from ranvier.providers._streamed import StreamedBody


def read_whole(
    content: bytes,
    reply: HttpReply,
    read: Callable[[Json], Response],
    stream: Callable[[Judge], StreamedBody],
) -> Response | RanvierError:
    """What a body says: the answer, or the error that it is.

    Args:
        content: The body.
        reply: Of which it is.
        read: Understands its object.
        stream: Understands it as a stream, which gateways send that stream whatever they are asked.
    """
    body: Json | None = None
    try:
        body = parse_object(content)
        if body is None:
            raise no_object(content)
        return Judge(reply).refusal(body) if is_error(body) else read(body)
    except NoAnswerError as reason:
        streamed = read_streamed(content, stream(Judge(reply, in_stream=True))) if body is None else None
        return streamed or Judge(reply).no_answer(reason, content)


def read_streamed(content: bytes, body: StreamedBody) -> Response | RanvierError | None:
    """What the stream in `content` adds up to; `None` where it holds none."""
    collector = Collector()
    for chunk in (content, b""):
        if not body.finished and body.error is None:
            for step in body.feed(chunk):
                collector.add(step)
    if not (body.understood or is_sse(content)):
        return None
    return body.error or collector.answer("", "")
