"""The innermost handler: one attempt at the call's deployment."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar

from ranvier.errors.provider import InvalidRequestError
from ranvier.errors.root import RanvierError
from ranvier.messages.response import Response, StreamEvent
from ranvier.messages.usage import UNKNOWN
from ranvier.pipeline.asking import schema_repair
from ranvier.pipeline.asking.connection_slot import release_slot, take_slot
from ranvier.pipeline.asking.foreign import failure_of
from ranvier.pipeline.asking.optional_members import slots_of
from ranvier.pipeline.asking.payments import Payments, ask, lacks
from ranvier.pipeline.asking.provider_answers import (
    checked,
    events_of,
    is_sound,
    values_of,
    whole_as_events,
)
from ranvier.pipeline.credentials import identity
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.reporting.announce import announce_attempt
from ranvier.pipeline.streaming.bounded_events import BoundedEvents
from ranvier.pipeline.streaming.stream import ResponseStream
from ranvier.pipeline.timing.cancellation import AGAIN
from ranvier.pipeline.timing.limit import OVERTAKEN, too_late
from ranvier.pipeline.timing.limits import Limits
from ranvier.pipeline.timing.wait_timer import WaitTimer

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.messages.schema.mismatch import Mismatch
    from ranvier.pipeline.call import Call

_Error = TypeVar("_Error", bound=BaseException)


def attempt(call: Call) -> Awaitable[Response | ResponseStream]:
    """Send the call to its deployment once; a stream is handed out at its first content.

    A whole answer is requested as a stream too if the limits require it, so that silence is detected. A
    deployment that rejects streaming is called without streaming from then on.
    """
    if call.watch.given_up:
        return _if_wanted(call)
    if call.streaming or call.limits.over_stream:
        return _by_stream(call)
    return _whole(call)


async def _if_wanted(call: Call) -> Response | ResponseStream:
    """Make the attempt, unless the caller has cancelled: then this task is cancelled too.

    A provider's own timeout also cancels the caller's task, and takes that back: wait to see which it is.
    """
    while call.watch.given_up and (call.deadline is None or call.pipeline.clock() < call.deadline):  # noqa: ASYNC110
        await asyncio.sleep(AGAIN)  # asyncio does not signal when a cancellation is taken back
    return await (_by_stream(call) if call.streaming or call.limits.over_stream else _whole(call))


async def _by_stream(call: Call) -> Response | ResponseStream:
    deployment = call.deployment
    if call.request.answers_whole:
        call = call.within(call.limits.of_whole_answer)
    if deployment.streams(identity.account(call)):
        try:
            return await _streamed(call, events_of)
        except InvalidRequestError as error:
            if not error.refuses_streaming:
                raise
            deployment.ask_whole(identity.account(call))
            call = call.again(reason=error.kind)
    if call.watch.given_up:
        return await _if_wanted(call)
    call = call.within(call.limits.of_whole_answer)
    return await (_streamed(call, whole_as_events, False) if call.streaming else _whole(call))


async def _whole(call: Call) -> Response:
    timer, provider, clock = WaitTimer(call), call.deployment.provider, call.pipeline.clock
    slots = slots_of(provider)
    began, queued, payments, ours = timer.begin(), 0.0, None, call.deployment.traits.is_ours
    if slots is not None:
        began, queued = await take_slot(call, timer, slots, began)
    try:
        payments = (await ask(call, timer) if lacks(call) else Payments(call, began)) if call.purses else None
        attempt = recorder.begin(call, began if payments is None else payments.began, queued)
        if payments is not None:
            payments.attempt = attempt
        call.watch.sent(call, attempt, timer, streamed=False)
        try:
            answering: Any = provider.complete(call)
            answer = await answering if ours or isawaitable(answering) else answering
            response = answer if ours else _copied(call, answer)
            if not call.watch.content(clock()):
                attempt.usage = response.usage
                raise too_late(call, OVERTAKEN)
        except BaseException as raised:
            failure = _failed(call, attempt, await failure_of(call, timer, raised))
            try:
                if failure is raised:
                    raise
                raise failure  # because: it has its cause
            finally:
                del failure  # it refers to this frame: a local would complete a reference cycle
        attempt.succeeded(clock(), response.usage, response.details.request_id)
    finally:
        timer.end()
        if payments is not None:
            payments.settle()
        if slots is not None:
            release_slot(slots)
    response.provider = response.provider or provider.name
    response.model = response.model or call.deployment.model
    if call.request.schema is not None:
        return await _validated(call, attempt, response)
    if call.pipeline.events.verbose:
        announce_attempt(call, attempt)
    return response


def _copied(call: Call, answer: Any) -> Response:
    """A copy of the answer of a user's provider class, which may keep one and return it again."""
    sound = type(answer) is Response and type(answer.text) is str
    if sound and (answer.usage is UNKNOWN or is_sound(answer.usage)):
        return Response(*values_of(answer))  # faster than `copy.copy`
    return copy.copy(checked(call, answer))


def _failed(call: Call, attempt: Attempt, error: _Error) -> _Error:
    """Record `error`, notify listeners, and return it."""
    recorder.attempt_failed(attempt, call.pipeline.clock(), error)
    announce_attempt(call, attempt)
    return error


async def _streamed(
    call: Call, open_events: Callable[[Call], AsyncIterator[StreamEvent]], streamed: bool = True
) -> Response | ResponseStream:
    timer, slots = WaitTimer(call), slots_of(call.deployment.provider)
    began, queued, payments = timer.begin(), 0.0, None
    if slots is not None:
        began, queued = await take_slot(call, timer, slots, began)
    try:
        payments = (await ask(call, timer) if lacks(call) else Payments(call, began)) if call.purses else None
        attempt = recorder.begin(call, began if payments is None else payments.began, queued)
        if payments is not None:
            payments.attempt = attempt
        call.watch.sent(call, attempt, timer, streamed=streamed)
        stream = ResponseStream(call, attempt, BoundedEvents(call, timer, open_events(call)))
    except BaseException:  # raised by a listener to end the program
        timer.end()
        if payments is not None:
            payments.settle()
        if slots is not None:
            release_slot(slots)
        raise
    if payments is not None:
        stream.on_end(lambda outcome: payments.settle())
    if slots is not None:
        stream.on_end(lambda outcome: release_slot(slots))
    if call.streaming:
        await stream.begin()
        return stream.hand_out()  # it is validated at its end
    response = await stream.gather()
    return response if call.request.schema is None else await _validated(call, attempt, response)


async def _validated(call: Call, attempt: Attempt, response: Response) -> Response:
    """`response` with `parsed` set, or its repair if it does not match the schema.

    Raises:
        InvalidResponseError: the answer does not match; this does not count against the provider.
        ContentFilterError: the answer does not match, because the content filter cut it off.
    """
    try:
        mismatches = schema_repair.parse(call, response)
    except BaseException as error:  # raised by a custom validator
        _failed(call, attempt, error)
        raise
    if not mismatches:
        announce_attempt(call, attempt)
        return response
    mismatch = _failed(call, attempt, schema_repair.error_of(call, response, mismatches))
    try:
        if not schema_repair.can_repair(call, response):
            raise mismatch
        return await _repaired(call, attempt, response, mismatches)
    except RanvierError as error:
        if not schema_repair.concerns_only_repair(error):
            raise
        raise mismatch from None
    finally:
        del mismatch  # once raised it refers to this frame: a local would complete a reference cycle


async def _repaired(
    call: Call, first: Attempt, response: Response, mismatches: tuple[Mismatch, ...]
) -> Response:
    """Ask again, with the answer and its mismatches added to the conversation.

    The repair has to fit into the rest of the attempt's time, because the guard has admitted one attempt.
    """
    limits = call.limits
    left = None if limits.seconds is None else first.started + limits.seconds - call.pipeline.clock()
    again = call.again(reason=first.outcome)
    again.request = schema_repair.repair(call.request, response, mismatches)
    again.limits = Limits(left, limits.connect, limits.first_token, limits.idle, limits.stream_complete)
    repaired = await attempt(again)
    assert isinstance(repaired, Response)
    return repaired
