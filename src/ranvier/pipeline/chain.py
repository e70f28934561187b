"""Layers, composed once: each is given the rest of the stack to pass its calls on to."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Awaitable, Sequence
from dataclasses import fields
from operator import attrgetter
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ranvier.caller import Caller
from ranvier.errors import LayerError
from ranvier.messages import Response
from ranvier.pipeline import form
from ranvier.pipeline.answered import AnsweredStream
from ranvier.pipeline.stream import ResponseStream

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.layer import Handler, Layer

_STARRED = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


def chained(layers: Sequence[Layer], innermost: Handler[Any]) -> Handler[Any]:
    """One handler: `layers` from the outside in, and `innermost` inside them all."""
    for layer in reversed(layers):
        innermost = _around(layer, innermost)
        if not type(layer).__module__.startswith("ranvier."):
            innermost = _checked(layer, innermost)
    return innermost


def _around(layer: Layer, inner: Handler[Any]) -> Handler[Any]:
    """`layer` with `inner` inside it.

    A function that takes just a call and what is inside is given that as a default: it then costs a call
    nothing, and no frame of ours stands between two layers in a traceback. Any other callable is wrapped.
    """
    handle = layer.handle
    if isinstance(handle, MethodType) and _is_plain(handle.__func__):
        return MethodType(_with_default(handle.__func__, inner), handle.__self__)

    def carry(call: Call) -> Awaitable[Any]:
        return handle(call, inner)

    return carry


def _checked(layer: Layer, handler: Handler[Any]) -> Handler[Any]:
    """`handler`, the layer of a user, whose answer has the form that the layers outside it expect.

    Raises:
        LayerError: it returned something else, an answer that does not fit the schema, or it raised a
            CancelledError while nobody cancelled the call.
    """
    name = type(layer).__qualname__

    async def carry(call: Call) -> Any:
        caller = Caller()
        try:
            answer = await handler(call)
        except asyncio.CancelledError as cancelled:
            if caller.has_cancelled:
                raise
            raise LayerError("it raised a CancelledError, but nobody cancelled the call", name) from cancelled
        if isinstance(answer, Response):
            answer = _copied(answer)  # because a cache hands out one object many times
            form.parse_given(call, answer, name)
            return AnsweredStream(call, answer) if call.streaming else answer
        if call.streaming and isinstance(answer, ResponseStream):
            return answer
        expected = "a ResponseStream or a Response" if call.streaming else "a Response"
        raise LayerError(f"it returned a {type(answer).__name__} instead of {expected}", name)

    return carry


def _copied(answer: Response) -> Response:
    """Another answer with the same fields."""
    if type(answer) is Response:
        return Response(*_fields_of(answer))
    return copy.copy(answer)  # at ten times the price


_fields_of = attrgetter(*(field.name for field in fields(Response)))


def _is_plain(function: object) -> bool:
    """True for `def handle(self, call, inner)`, async or not."""
    if not isinstance(function, FunctionType):
        return False
    code = function.__code__
    return (code.co_argcount, code.co_kwonlyargcount, code.co_flags & _STARRED) == (3, 0, 0)


def _with_default(function: Any, inner: Handler[Any]) -> FunctionType:
    return FunctionType(
        function.__code__, function.__globals__, function.__name__, (inner,), function.__closure__
    )
