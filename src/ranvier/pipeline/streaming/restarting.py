"""A stream that is restarted if it breaks: `stream(..., on_break="restart")`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple

from ranvier.caller import delivered
from ranvier.errors.partial import DeadlineExceededError, StreamInterruptedError
from ranvier.errors.root import RanvierError
from ranvier.events import StreamRestarted
from ranvier.messages.response import ParsedT_co, Response, StreamEvent
from ranvier.pipeline.asking.interruption import LOST_BY_CANCELLATION, LOST_BY_CLOSING
from ranvier.pipeline.outcome import Outcome
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.reporting.call_end import hand_out, over
from ranvier.pipeline.running.elsewhere import check_loop
from ranvier.pipeline.streaming.stream import ResponseStream
from ranvier.pipeline.streaming.tools_shown import ToolsShown
from ranvier.pipeline.streaming.transform import Flush, Transform

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.running.lifecycle import Lifecycle

OnBreak = Literal["raise", "restart", "restart_after_tools"]
"""What to do if a stream breaks: see `Pipeline.stream`."""

MAX_RESTARTS = 20
"""Restarts of one stream; retries and the number of targets are usually fewer."""


class Broken(NamedTuple):
    """A broken stream; the route treats it like an attempt that failed before its first content.

    Attributes:
        target: The target of the attempt.
        number: The number of the attempt there.
        error: The error that broke it.
    """

    target: Deployment
    number: int
    error: RanvierError


class Restarts:
    """Restarts the stream of one call, which ends when a stream ends and is not restarted.

    Attributes:
        call: The call, without a target.
        again: Sends the call through the layers again.
        reading: The task that reads the stream at the moment.
    """

    def __init__(self, call: Call, lifecycle: Lifecycle, again: Callable[[Call], Awaitable[Any]]) -> None:
        self.call = call
        self.again = again
        self.reading: asyncio.Task[Any] | None = None
        self._lifecycle = lifecycle
        self._over = False

    def stream_ended(self, outcome: Outcome) -> None:
        """A stream has ended. If it is being read, the call stays in flight: the stream may be restarted."""
        if self.reading is None:
            self.end()
        elif not self.call.record.muted:
            self._lifecycle.calls[self.call.record] = self.reading

    def end(self) -> None:
        """End the call."""
        self._lifecycle.leave(self.call.record)
        if not self._over:
            self._over = True
            over(self.call)

    async def restart(self, broken: Broken, deadline: float | None) -> ResponseStream:
        """The stream of the next attempt, once it has content."""
        record, call = self.call.record, self.call
        record.broken = broken
        try:
            stream: ResponseStream = await self.again(call if deadline is None else call.until(deadline))
        finally:
            record.broken = None
            del broken  # its error refers to this frame: a local would complete a cycle
        assert self.reading is not None
        hand_out(call, stream, self._lifecycle, self.reading, self.stream_ended)
        if not stream.ended:
            self._lifecycle.leave(record)  # it is followed as a stream again
        return stream


class RestartingStream(ResponseStream[ParsedT_co], Generic[ParsedT_co]):
    """The events of the current stream, and of the streams that replace it after a break.

    Each replacement begins with `StreamEvent(restarted=True)`: discard everything before it.
    """

    def __init__(self, stream: ResponseStream[ParsedT_co], restarts: Restarts, after_tools: bool) -> None:
        self._stream = stream
        self._restarts = restarts
        self._call = restarts.call
        self._clock = restarts.call.pipeline.clock
        self._loop = restarts.call.pipeline.loop
        self._after_tools = after_tools
        self._tools = ToolsShown()
        self._left = MAX_RESTARTS
        self._closed = False
        self._cancelled = False  # True once `aclose` has cancelled the reader
        self._restart: asyncio.Future[None] | None = None  # done when the restart in progress has ended
        self.response = stream.response

    # --- for the reader --------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """True once the stream has ended and is not restarted."""
        return self._stream.ended and self._restarts.reading is None

    @property
    def is_of_provider(self) -> bool:
        """False for the answer of a layer."""
        return self._stream.is_of_provider

    @property
    def received(self) -> Response:
        """The part of the current stream that has arrived."""
        return self._stream.received

    async def __anext__(self) -> StreamEvent:
        if self._restarts.reading is not None:
            raise RuntimeError("another task is already waiting for the next event of this stream")
        check_loop(self._loop)
        task = self._restarts.reading = asyncio.current_task()
        assert task is not None
        before, broken = delivered(task), None
        try:
            try:
                event = await self._stream.__anext__()
            except StreamInterruptedError as error:
                if not self._may_restart(error):
                    raise
                broken = error
            if broken is not None:  # outside of `except`: errors of a restart would refer to this one
                event = await self._restarted(broken)
            self._tools.add(event)
            return event
        except asyncio.CancelledError:
            if self._was_cancelled_by(task, before):
                raise
            raise self._stream._leftover() from None
        finally:
            del broken  # it refers to this frame: a local would complete a cycle
            if self._cancelled:  # undo it, even if it was swallowed
                self._cancelled = False
                task.uncancel()
            self._restarts.reading = None
            self.response = self._stream.response
            if self._stream.ended:
                self._restarts.end()

    async def aclose(self) -> None:
        """Stop the stream, also while it is being restarted."""
        self._closed = True
        task, restart = self._restarts.reading, self._restart
        if task is not None and restart is not None and task is not asyncio.current_task():
            check_loop(self._loop)
            if not self._cancelled:  # cancel once, even if several tasks close it
                self._cancelled = True
                task.cancel()
            await asyncio.wait([restart])
        await self._stream.aclose()

    def may_be_dropped(self) -> None:
        """Do not warn if the stream in hand is dropped."""
        self._stream.may_be_dropped()

    def on_end(self, callback: Callable[[Outcome], None]) -> None:
        """Call `callback` once, with the outcome, when the current stream ends, breaks or is closed."""
        self._stream.on_end(callback)

    def transform(self, function: Transform, flush: Flush | None = None) -> None:
        """Not supported: a layer transforms each stream in `handle`.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("a stream that may be restarted is transformed by layers, in handle")

    # --- restarting ------------------------------------------------------------------------------

    def _may_restart(self, broken: StreamInterruptedError) -> bool:
        """True if the answer may be asked for again after `broken`."""
        stream = self._stream
        if self._closed or stream._lost is not None or not stream.is_of_provider or not self._left:
            return False
        if self._tools.whole and not self._after_tools:
            return False  # the reader may already have run the tool
        return isinstance(broken.__cause__, RanvierError)

    async def _restarted(self, broken: StreamInterruptedError) -> StreamEvent:
        """The event `restarted`, once another attempt has content.

        Raises:
            StreamInterruptedError: `broken`, if none has.
            DeadlineExceededError: the deadline has passed meanwhile.
        """
        at, cause, reason = self._stream._call, broken.__cause__, broken.reason
        assert isinstance(cause, RanvierError)
        self._left -= 1
        self._restart = self._loop.create_future()
        began = self._clock()
        try:
            where = Broken(at.deployment.real, at.attempt, cause)
            answered = await self._restarts.restart(where, at.deadline)
        except RanvierError as error:
            raise self._error_after(broken, error)  # noqa: B904  # because: it has its cause
        except asyncio.CancelledError as cancelled:
            recorder.call_failed(self._call.record, self._clock(), cancelled)
            raise
        finally:
            del cause, broken, where  # they refer to this frame: locals would complete a cycle
            self._restart.set_result(None)
            self._restart = None
        self._stream, self._tools = answered, ToolsShown()
        self._record_wait(at, reason, began)
        return StreamEvent(restarted=True)

    def _error_after(self, broken: StreamInterruptedError, error: RanvierError) -> RanvierError:
        """The error for the reader after a restart that failed with `error`."""
        if isinstance(error, DeadlineExceededError):
            error.received = broken.received
            failure: RanvierError = error
        else:
            failure = broken
            failure.__cause__ = error
        recorder.call_failed(self._call.record, self._clock(), failure)
        return failure

    def _record_wait(self, at: Call, kind: str, began: float) -> None:
        answered = self._stream._call
        recorder.noted(answered, "restarted", self._clock() - began, at.deployment.target)
        if self._call.pipeline.events.hears(StreamRestarted):
            event = StreamRestarted(**at.where(), to=answered.deployment.target, kind=kind)
            self._call.pipeline.events.emit(event, self._call.record)

    def _was_cancelled_by(self, task: asyncio.Task[Any], before: int) -> bool:
        """True if the reader's task was cancelled by its caller, not by `aclose` or a closing pipeline."""
        cut_off = self._call.record.cut_off
        ours = self._cancelled + cut_off
        if ours and task.cancelling() - ours <= before:
            if cut_off:
                self._stream._lost = LOST_BY_CLOSING
            return False
        if self._stream._lost is None:
            self._stream._lost = LOST_BY_CANCELLATION
        return True
