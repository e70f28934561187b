"""Composes layers into one handler: each layer gets the rest of the stack as its `inner`."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ranvier.caller import Caller
from ranvier.errors.partial import LayerError
from ranvier.messages.response import Response
from ranvier.pipeline.asking import schema_repair
from ranvier.pipeline.asking.users_function import kind_of
from ranvier.pipeline.streaming.answered import AnsweredStream
from ranvier.pipeline.streaming.stream import ResponseStream

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.layer import Handler, Layer


def compose(layers: Sequence[Layer], innermost: Handler[Any]) -> Handler[Any]:
    """Wrap `layers`, listed from the outside in, around `innermost`."""
    for layer in reversed(layers):
        ours = type(layer).__module__.startswith("ranvier.")
        innermost = _around(layer, innermost) if ours else _checked(layer, innermost)
    return innermost


def _around(layer: Layer, inner: Handler[Any]) -> Handler[Any]:
    """A handler of `layer` around `inner`."""
    handle = layer.handle

    def carry(call: Call) -> Awaitable[Any]:
        return handle(call, inner)

    return carry


def _checked(layer: Layer, inner: Handler[Any]) -> Handler[Any]:
    """A handler of a custom layer around `inner`, with a check of what it returns and raises.

    If it fails, the streams that it has received are closed: its error, whose traceback refers to them, may
    be kept for long.

    Raises:
        LayerError: it returned neither a response nor a stream, or an answer that does not match the schema,
            or raised a CancelledError although the call was not cancelled.
    """
    handle, name = layer.handle, type(layer).__qualname__

    async def carry(call: Call) -> Any:
        caller = Caller()
        streams: list[ResponseStream] = []
        try:
            answer = await handle(call, _noting(inner, streams) if call.streaming else inner)
            return _checked_answer(call, answer, name)
        except GeneratorExit:  # its task is destroyed, and there may be no loop any more
            raise
        except BaseException as error:
            _close(streams)
            if isinstance(error, asyncio.CancelledError) and not caller.has_cancelled:
                what = "it raised a CancelledError, but the call was not cancelled"
                raise LayerError(what, name) from error
            raise

    return carry


def _noting(inner: Handler[Any], streams: list[ResponseStream]) -> Handler[Any]:
    """`inner`, which adds the streams that it returns to `streams`."""

    async def carry(call: Call) -> Any:
        answer = await inner(call)
        if isinstance(answer, ResponseStream):
            streams.append(answer)
        return answer

    return carry


def _close(streams: list[ResponseStream]) -> None:
    """End `streams`, which no code will read; in the background, because the error must not wait."""
    while streams:
        if not (stream := streams.pop()).ended:
            stream.abandon()


def _checked_answer(call: Call, answer: object, layer: str) -> Response | ResponseStream:
    """What a custom layer returned, as a stream if `call` reads one."""
    if isinstance(answer, Response):
        answer = _copied(answer)  # a cache may return the same object many times
        schema_repair.parse_given(call, answer, layer)
        return AnsweredStream(call, answer) if call.streaming else answer
    if call.streaming and isinstance(answer, ResponseStream):
        return answer
    expected = "a ResponseStream or a Response" if call.streaming else "a Response"
    if (kind := kind_of(answer)) == "coroutine":
        expected = f"{expected}: await inner(call)"
    raise LayerError(f"it returned a {kind} instead of {expected}", layer)


def _copied(answer: Response) -> Response:
    """A shallow copy of the answer."""
    if type(answer) is Response:
        return Response(*_fields_of(answer))
    return copy.copy(answer)  # ten times slower


_fields_of = attrgetter(*(field.name for field in fields(Response)))
