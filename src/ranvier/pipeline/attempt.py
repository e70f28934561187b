"""The innermost handler: one attempt at the call's deployment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from ranvier.errors import InvalidRequestError, RanvierError
from ranvier.messages import Response, StreamEvent
from ranvier.pipeline import form
from ranvier.pipeline.call import Limits
from ranvier.pipeline.call_events import tell_attempt
from ranvier.pipeline.collector import steps_of
from ranvier.pipeline.foreign import cancelled_by_itself, failure_of
from ranvier.pipeline.limit import earlier
from ranvier.pipeline.source import Source
from ranvier.pipeline.stream import ResponseStream
from ranvier.pipeline.watch import Watch

if TYPE_CHECKING:
    from ranvier.messages.schema import Misfit
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.record import Attempt

_Error = TypeVar("_Error", bound=BaseException)

SLOT_WAIT = 10.0
"""Seconds to wait for a connection slot at most, where the attempt has no `connect` limit."""


def attempt(call: Call) -> Awaitable[Response | ResponseStream]:
    """Ask the deployment once: whole, or by a stream that is handed out at its first content.

    A whole answer travels over a stream too where the limits ask for it, so that silence is
    noticed. A deployment that turns out to refuse streaming is asked whole, now and from then on.
    """
    if call.streaming or call.limits.watch_progress:
        return _by_stream(call)
    return _whole(call)


async def _by_stream(call: Call) -> Response | ResponseStream:
    deployment = call.deployment
    if deployment.streams(call.credential):
        try:
            return await _streamed(call, _events(call))
        except InvalidRequestError as error:
            if not error.refuses_streaming:
                raise
            deployment.ask_whole(call.credential)
            call = call.again(reason=error.kind)
    call = call.within(Limits(call.limits.seconds, call.limits.connect))  # no token comes before the last
    return await (_streamed(call, _whole_as_stream(call)) if call.streaming else _whole(call))


def _events(call: Call) -> AsyncIterator[StreamEvent]:
    """The stream of the provider, which has not begun."""
    try:
        return call.deployment.stream(call)
    except asyncio.CancelledError as cancelled:
        raise cancelled_by_itself(call, cancelled) from cancelled


async def _whole(call: Call) -> Response:
    watch, provider, clock = Watch(call), call.deployment.provider, call.pipeline.clock
    began, queued = watch.begin(), 0.0
    slots: asyncio.Semaphore | None = getattr(provider, "slots", None)
    if slots is not None and slots.locked():
        began, queued = await _wait_for_slot(call, watch, slots, began)
    elif slots is not None:
        await slots.acquire()
    try:
        attempt = call.record.begin(call, began, queued)
        try:
            response = await provider.complete(call)
        except BaseException as raised:
            failure = _failed(call, attempt, await failure_of(call, watch, raised))
            try:
                if failure is raised:
                    raise
                raise failure  # because: it has its cause
            finally:
                del failure  # it holds this frame: a frame that held it too would be a cycle
    finally:
        watch.end()
        if slots is not None:
            _give_back(slots)
    attempt.succeeded(clock(), response.usage)
    response.provider = response.provider or provider.name
    response.model = response.model or call.deployment.model
    if call.request.schema is not None:
        return await _formed(call, attempt, response)
    if call.pipeline.events.attentive:
        tell_attempt(call, attempt)
    return response


def _failed(call: Call, attempt: Attempt, error: _Error) -> _Error:
    """`error`, now that the record and the listeners know of it."""
    attempt.failed(call.pipeline.clock(), error)
    tell_attempt(call, attempt)
    return error


async def _streamed(call: Call, events: AsyncIterator[StreamEvent]) -> Response | ResponseStream:
    watch = Watch(call)
    began, queued = watch.begin(), 0.0
    slots: asyncio.Semaphore | None = getattr(call.deployment.provider, "slots", None)
    if slots is not None and slots.locked():
        began, queued = await _wait_for_slot(call, watch, slots, began)
    elif slots is not None:
        await slots.acquire()
    try:
        attempt = call.record.begin(call, began, queued)
        stream = ResponseStream(call, attempt, Source(call, watch, events))
    except BaseException:  # of a listener that ends the program
        watch.end()
        if slots is not None:
            _give_back(slots)
        raise
    if slots is not None:
        stream.on_end(lambda outcome: _give_back(slots))
    if call.streaming:
        await stream.begin()
        return stream.hand_out()  # it looks at its form itself, at its end
    response = await stream.gather()
    return response if call.request.schema is None else await _formed(call, attempt, response)


async def _formed(call: Call, attempt: Attempt, response: Response) -> Response:
    """A whole answer, `parsed` as the call asks; or what its model, told what is wrong, says instead.

    Raises:
        InvalidResponseError: it does not fit; the provider is well.
        ContentFilterError: nor could it, since it was cut off on policy.
    """
    try:
        misfits = form.parse(call, response)
    except BaseException as error:  # of a validator of the user's
        _failed(call, attempt, error)
        raise
    if not misfits:
        tell_attempt(call, attempt)
        return response
    unfit = _failed(call, attempt, form.unfit(call, response, misfits))
    try:
        if not form.may_be_repaired(call, response):
            raise unfit
        return await _repaired(call, attempt, response, misfits)
    except RanvierError as error:
        if not form.only_of_the_repair(error):
            raise
        raise unfit from None
    finally:
        del unfit  # once raised it holds this frame: a frame that held it too would be a cycle


async def _repaired(call: Call, first: Attempt, response: Response, misfits: tuple[Misfit, ...]) -> Response:
    """The answer to the same conversation with what is wrong, in what is left of the attempt's time.

    A guard has let one attempt in, and reckons with no more time than one may take.
    """
    limits = call.limits
    left = None if limits.seconds is None else first.started + limits.seconds - call.pipeline.clock()
    again = call.again(reason=first.outcome)
    again.request = form.repair(call.request, response, misfits)
    again.limits = Limits(left, limits.connect, limits.first_token, limits.idle, limits.stream_complete)
    repaired = await attempt(again)
    assert isinstance(repaired, Response)
    return repaired


async def _wait_for_slot(
    call: Call, watch: Watch, slots: asyncio.Semaphore, began: float
) -> tuple[float, float]:
    """Take one of the connection slots, which are all in use: when that was, and how long it took.

    Requests wait here and never inside an HTTP pool, so that the wait is not charged to the
    provider, and a cancelled one leaves nothing behind (encode/httpcore#1093).

    Raises:
        LocalCapacityError: none became free in time; nothing was sent.
        RejectedError: a layer would not let the call pass any more, after that wait.
        TimedOutError: it is too late for an attempt already.
    """
    patience = SLOT_WAIT if call.limits.connect is None else call.limits.connect
    for permit in call.probing:
        permit.waits(call)
    try:
        with watch.until(*earlier((call.deadline, "deadline"), began + patience, "slot")):
            await slots.acquire()
    finally:
        call.record.waited("slot", call, began)
    try:
        for layer in call.pipeline.layers:
            layer.recheck(call, began)
        sent = watch.begin()
    except BaseException:
        watch.end()
        _give_back(slots)
        raise
    return sent, sent - began


def _give_back(slots: asyncio.Semaphore) -> None:
    """Let another request have the slot."""
    with suppress(RuntimeError):  # a call that its loop has left behind is collected: who waits is there, too
        slots.release()


async def _whole_as_stream(call: Call) -> AsyncGenerator[StreamEvent, None]:
    """The whole answer of a provider that cannot stream, in steps."""
    for event in steps_of(await call.deployment.provider.complete(call)):
        yield event
