"""What a provider of a class of the user's returns in place of an answer or its events.

The error is that of the attempt: it is counted, and the next target is asked.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import fields
from inspect import isawaitable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.provider import InvalidResponseError
from ranvier.messages.collector import steps_of
from ranvier.messages.response import Response, StreamEvent
from ranvier.messages.usage import MAX_TOKENS, UNKNOWN, Usage
from ranvier.pipeline.asking.users_function import kind_of

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

values_of = attrgetter(*(each.name for each in fields(Response)))
"""The values of all fields of a `Response`, for a copy in a sixth of the time of `copy.copy`."""

_counts_of = attrgetter("input", "output", "total", "cache_read", "cache_write", "reasoning")


def events_of(call: Call) -> AsyncIterator[StreamEvent]:
    """The stream of the provider of `call`; an error of `stream` itself is raised by its first read."""
    try:
        events: Any = call.deployment.stream(call)
    except PLAIN_FAILURES as error:
        return _failing(error)
    return events if hasattr(events, "__anext__") else _iterated(call, events)


async def _failing(error: BaseException) -> AsyncGenerator[StreamEvent, None]:
    try:
        raise error
    finally:
        del error  # its traceback refers to this frame: a local would complete a reference cycle
    yield StreamEvent()  # never reached: it makes this function a generator


async def _iterated(call: Call, events: Any) -> AsyncGenerator[StreamEvent, None]:
    """The events of an async iterable that is not an iterator; its iterator is closed with this one."""
    if not hasattr(events, "__aiter__"):
        raise _invalid(call, f"stream returned a {kind_of(events)}: make it an async generator")
    iterator = aiter(events)
    try:
        async for event in iterator:
            yield event
    finally:
        if (aclose := getattr(iterator, "aclose", None)) is not None:
            await aclose()


async def whole_as_events(call: Call) -> AsyncGenerator[StreamEvent, None]:
    """The whole answer of a provider that cannot stream, as events."""
    for event in steps_of(checked(call, await whole_answer(call))):
        yield event


async def whole_answer(call: Call) -> Any:
    """What `complete` of the provider of `call` returns, by an async or a plain function."""
    answer: Any = call.deployment.provider.complete(call)
    return await answer if isawaitable(answer) else answer


def checked(call: Call, answer: object) -> Response:
    """What `complete` returned, or the events of `stream` together; a nonsensical usage becomes `UNKNOWN`.

    Raises:
        InvalidResponseError: it is no answer, or its usage is another object, for example of an SDK.
    """
    if not isinstance(answer, Response):
        raise _invalid(call, f"complete returned a {kind_of(answer)}: make it an `async def` of a Response")
    if not isinstance(answer.text, str):
        raise _invalid(call, f"the text of its Response is a {kind_of(answer.text)}: give a str")
    if not isinstance(answer.usage, Usage):
        raise _invalid(call, f"the usage of its answer is a {kind_of(answer.usage)}: give a Usage")
    if not is_sound(answer.usage):
        answer = copy.copy(answer)
        answer.usage = UNKNOWN
    return answer


def is_sound(usage: object) -> bool:
    """True for a `Usage` of plausible numbers: what custom providers give may not even be numbers."""
    try:
        counts = _counts_of(usage)
        return isinstance(usage, Usage) and min(counts) >= 0 and sum(counts) < MAX_TOKENS
    except PLAIN_FAILURES:
        return False


def no_event(call: Call, event: object) -> InvalidResponseError:
    """The error for what `stream` yielded."""
    if not isinstance(event, StreamEvent):
        return _invalid(call, f"stream yielded a {kind_of(event)}: yield StreamEvents")
    if event.restarted:  # of a pipeline behind a provider: what came before may be shown
        return _invalid(call, "the answer was restarted")
    if not (isinstance(event.text, str) and isinstance(event.reasoning, str)):
        return _invalid(call, "stream yielded a StreamEvent whose text or reasoning is no str")
    field = "tool_call" if event.tool_call is not None else "finish_reason"
    return _invalid(call, f"stream yielded a StreamEvent whose {field} is of another type")


def _invalid(call: Call, reason: str) -> InvalidResponseError:
    name = call.deployment.provider.name
    return InvalidResponseError(f"{name}: {reason}", provider=name, model=call.deployment.model)
