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
        innermost = _around(layer, innermost)
        if not type(layer).__module__.startswith("ranvier."):
            innermost = _checked(layer, innermost)
    return innermost


def _around(layer: Layer, inner: Handler[Any]) -> Handler[Any]:
    """A handler of `layer` around `inner`."""
    handle = layer.handle

    def carry(call: Call) -> Awaitable[Any]:
        return handle(call, inner)

    return carry


def _checked(layer: Layer, handler: Handler[Any]) -> Handler[Any]:
    """`handler` of a custom layer, with a check of what it returns.

    Raises:
        LayerError: it returned neither a response nor a stream, or an answer that does not match the schema,
            or raised a CancelledError although the call was not cancelled.
    """
    name = type(layer).__qualname__

    async def carry(call: Call) -> Any:
        caller = Caller()
        try:
            answer = await handler(call)
        except asyncio.CancelledError as cancelled:
            if caller.has_cancelled:
                raise
            what = "it raised a CancelledError, but the call was not cancelled"
            raise LayerError(what, name) from cancelled
        if isinstance(answer, Response):
            answer = _copied(answer)  # a cache may return the same object many times
            schema_repair.parse_given(call, answer, name)
            return AnsweredStream(call, answer) if call.streaming else answer
        if call.streaming and isinstance(answer, ResponseStream):
            return answer
        expected = "a ResponseStream or a Response" if call.streaming else "a Response"
        if (kind := kind_of(answer)) == "coroutine":
            expected = f"{expected}: await inner(call)"
        raise LayerError(f"it returned a {kind} instead of {expected}", name)

    return carry


def _copied(answer: Response) -> Response:
    """A shallow copy of the answer."""
    if type(answer) is Response:
        return Response(*_fields_of(answer))
    return copy.copy(answer)  # ten times slower


_fields_of = attrgetter(*(field.name for field in fields(Response)))
