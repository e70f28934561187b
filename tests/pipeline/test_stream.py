"""A stream from its first content to its end."""

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ranvier import (
    ConnectionFailedError,
    FinishReason,
    Pipeline,
    RateLimitError,
    ServerError,
    StreamEvent,
    StreamInterruptedError,
    ToolCallDelta,
    Usage,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.messages import SIGN_OF_LIFE
from ranvier.pipeline import Outcome
from ranvier.testing import ScriptedProvider, after, broken, cut, stall, stream
from support.scenes import live_timers

pytestmark = pytest.mark.virtual_time


class SlowToClose(ScriptedProvider):
    """Needs a second to close its connection."""

    closed = 0

    async def stream(self, call: Any) -> AsyncGenerator[StreamEvent, None]:
        steps = super().stream(call)
        try:
            async for event in steps:
                yield event
        finally:
            await steps.aclose()
            await asyncio.sleep(1)
            self.closed += 1


def pipeline_of(*targets: Any, **limits: Any) -> Pipeline:
    return Pipeline(
        Deadline(limits.pop("deadline", None)),
        Fallback(*targets),
        Retry(max_retries=1, base_delay=1, jitter="none"),
        Breaker(failure_threshold=3),
        Timeout(**limits),
    )


def circuit(pipeline: Pipeline, provider: str = "only") -> Any:
    return dict(pipeline.circuits)["default", provider]


async def texts(stream: Any) -> list[str]:
    return [event.text async for event in stream]


# --- until the hand-out --------------------------------------------------------------------------


async def test_it_is_handed_out_at_its_first_content_and_not_before() -> None:
    """Pings, lifecycle events and usage are no content; text is, and it is the first event read."""
    early = (SIGN_OF_LIFE, StreamEvent(id="m1", model="big"), StreamEvent(usage=Usage(input=3)))
    provider = ScriptedProvider("only", [stream(*early, after(2, "one"), after(1, "two"))])
    answer = await pipeline_of(provider).stream("Why?")
    assert asyncio.get_running_loop().time() == 2
    assert await texts(answer) == ["one", "two", ""]
    assert answer.attempts[0].first_token == 2
    assert (answer.response.id, answer.response.model) == ("m1", "big")


@pytest.mark.parametrize(
    "content",
    [
        StreamEvent(text="a"),
        StreamEvent(reasoning="hm"),
        StreamEvent(tool_call=ToolCallDelta(0, "c1", "look")),
    ],
    ids=["text", "reasoning", "tool call"],
)
async def test_text_reasoning_and_tool_calls_are_content(content: StreamEvent) -> None:
    """What a person or a program waits for hands the stream out."""
    answer = await pipeline_of(ScriptedProvider("only", [stream(content, stall())])).stream("Why?")
    assert await anext(answer) is content
    await answer.aclose()


async def test_the_id_and_the_name_of_a_call_are_handed_out_once() -> None:
    """Readers join fragments, and a function may repeat them in each one, or send them late."""
    pieces = [("c1", None, ""), ("c1", "look", '{"a"'), ("c1", "look", ": 1}"), (None, None, "")]
    fragments = [StreamEvent(tool_call=ToolCallDelta(0, *piece)) for piece in pieces]
    other = StreamEvent(tool_call=ToolCallDelta(1, "c2", "look", "{}"))
    answer = await pipeline_of(ScriptedProvider("only", [stream(*fragments, other)])).stream("Why?")
    shown = [event.tool_call async for event in answer if event.tool_call is not None]
    assert shown == [
        ToolCallDelta(0, "c1"),
        ToolCallDelta(0, None, "look", '{"a"'),
        ToolCallDelta(0, arguments=": 1}"),
        ToolCallDelta(0),
        ToolCallDelta(1, "c2", "look", "{}"),
    ]
    assert [call.id for call in answer.response.tool_calls] == ["c1", "c2"]


async def test_an_answer_without_content_is_handed_out_at_its_end() -> None:
    """Where nothing comes but the end, the end is what is waited for."""
    finish = StreamEvent(finish_reason=FinishReason.CONTENT_FILTER)
    answer = await pipeline_of(ScriptedProvider("only", [stream(after(2, finish))])).stream("Why?")
    assert asyncio.get_running_loop().time() == 2
    assert [event async for event in answer] == [finish]
    assert answer.response.finish_reason is FinishReason.CONTENT_FILTER


class Silent(ScriptedProvider):
    """A function's stream that returns without a word."""

    async def stream(self, call: Any) -> AsyncGenerator[StreamEvent, None]:
        for _ in ():
            yield StreamEvent()


async def test_a_stream_that_ends_at_once_is_an_empty_answer() -> None:
    """It is handed out, has already ended well, and reads as nothing."""
    pipeline = pipeline_of(Silent("only"))
    answer = await pipeline.stream("Why?")
    assert answer.ended
    assert await texts(answer) == []
    assert (answer.response.text, answer.response.finish_reason) == ("", FinishReason.STOP)
    assert answer.attempts[0].outcome == "succeeded"
    assert circuit(pipeline).in_flight == 0


@pytest.mark.parametrize("failure", [broken(), stream(cut()), stream(SIGN_OF_LIFE, broken())])
async def test_a_failure_before_the_hand_out_is_retried(failure: Any) -> None:
    """Until its first content a stream fails like any call: the same target is asked again."""
    provider = ScriptedProvider("only", [failure, "fine"])
    async with pipeline_of(provider).stream("Why?") as answer:
        assert await texts(answer) == ["fine", ""]
    assert [attempt.outcome for attempt in answer.attempts][1:] == ["succeeded"]
    assert answer.attempts[1].reason == answer.attempts[0].outcome


async def test_a_failure_before_the_hand_out_goes_on_to_the_next_target() -> None:
    """The reader never learns of the first target, but for the record."""
    first = ScriptedProvider("first", [RateLimitError("slow down", provider="first", retry_after=99)])
    second = ScriptedProvider("second", ["fine"])
    async with pipeline_of(first, second).stream("Why?") as answer:
        assert await texts(answer) == ["fine", ""]
    assert [attempt.target for attempt in answer.attempts] == ["first/scripted", "second/scripted"]
    assert answer.response.provider == "second"


async def test_a_failure_before_the_hand_out_is_raised_as_itself() -> None:
    """It is no StreamInterruptedError: nothing has been handed out that could be interrupted."""
    provider = ScriptedProvider("only", [broken()])
    with pytest.raises(ConnectionFailedError) as raised:
        await pipeline_of(provider).stream("Why?")
    assert len(raised.value.attempts) == 2


# --- after the hand-out --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "kind", "counts"),
    [
        (broken(), "network", True),
        (cut(), "invalid_response", True),
        (ServerError("oops", provider="only", status=500, request_id="r1"), "server_error", True),
        (RateLimitError("slow down", provider="only", retry_after=7), "rate_limit", False),
        (ValueError("a bug of the adapter"), "unknown", False),
    ],
    ids=["broken", "cut", "server error", "rate limit", "unknown"],
)
async def test_what_breaks_a_stream_after_its_hand_out_is_told_and_never_repeated(
    failure: Exception, kind: str, counts: bool
) -> None:
    """StreamInterruptedError carries what came, why it broke and the cause; no other target is asked."""
    first, second = ScriptedProvider("first", [stream("one", "two", failure)]), ScriptedProvider("second")
    pipeline = pipeline_of(first, second)
    answer = await pipeline.stream("Why?")
    with pytest.raises(StreamInterruptedError) as raised:
        await texts(answer)
    error = raised.value
    assert (error.received.text, error.received.finish_reason) == ("onetwo", None)
    assert (error.reason, error.counts_against_provider) == (kind, counts)
    assert type(error.__cause__) is type(failure)
    assert (error.provider, error.model, error.in_stream) == ("first", "scripted", True)
    assert error.retry_after == getattr(failure, "retry_after", None)
    assert error.request_id == getattr(failure, "request_id", None)
    assert [attempt.outcome for attempt in error.attempts] == ["stream_dropped"]
    assert circuit(pipeline, "first").failures == int(counts)
    assert (len(first.calls), second.calls) == (1, [])
    assert answer.ended
    assert answer.response is None
    assert await texts(answer) == []


async def test_a_broken_stream_that_had_said_why_it_stopped_is_whole() -> None:
    """After the finish reason only the wrapping can break: the answer counts as good."""
    provider = ScriptedProvider(
        "only", [stream("one", StreamEvent(finish_reason=FinishReason.STOP), broken())]
    )
    answer = await pipeline_of(provider).stream("Why?")
    assert (await answer.collect()).text == "one"
    assert answer.attempts[0].outcome == "succeeded"


async def test_after_the_finish_reason_usage_is_waited_for_but_not_for_ever() -> None:
    """A body that does not end is left five seconds after the model has stopped; usage until then counts."""
    finish, usage = StreamEvent(finish_reason=FinishReason.LENGTH), StreamEvent(usage=Usage(output=9))
    provider = ScriptedProvider("only", [stream("one", finish, after(4, usage), stall())])
    pipeline = pipeline_of(provider, idle=1)
    response = await pipeline.complete("Why?")
    assert asyncio.get_running_loop().time() == 9
    assert (response.finish_reason, response.usage.output) == (FinishReason.LENGTH, 9)
    assert circuit(pipeline).failures == 0
    assert provider.in_progress == 0


async def test_a_deadline_after_the_finish_reason_spoils_nothing() -> None:
    """The answer is whole; what is missing is only the end of its body."""
    finish = StreamEvent(finish_reason=FinishReason.STOP)
    pipeline = pipeline_of(ScriptedProvider("only", [stream("one", finish, stall())]), idle=9, deadline=2)
    assert (await pipeline.complete("Why?")).text == "one"
    assert asyncio.get_running_loop().time() == 2


# --- its end -------------------------------------------------------------------------------------


async def test_the_whole_answer_is_there_once_it_has_ended() -> None:
    """`stream.response` is what `collect` returns, and equals what `complete` gets."""
    steps = stream("one", " two", StreamEvent(usage=Usage(1, 2, 3)))
    provider = ScriptedProvider("only", [steps])
    pipeline = pipeline_of(provider)
    answer = await pipeline.stream("Why?")
    assert answer.response is None
    assert answer.received.finish_reason is None
    response = await answer.collect()
    assert response is answer.response
    whole = await pipeline.complete("Why?")
    assert (response.text, response.usage) == (whole.text, whole.usage) == ("one two", Usage(1, 2, 3))  # type: ignore[attr-defined]
    assert response.parts == whole.parts  # type: ignore[attr-defined]
    assert response.attempts == answer.attempts  # type: ignore[attr-defined]
    assert response.attempts[0].usage == Usage(1, 2, 3)  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
@pytest.mark.parametrize("how", ["break", "aclose", "dropped", "unread"])
async def test_a_stream_that_is_not_read_to_its_end_is_abandoned(how: str) -> None:
    """Its place is given back once, nothing is counted, and the provider's generator is closed."""
    provider = ScriptedProvider("only", [stream("one", after(1, "two"), stall())])
    pipeline = pipeline_of(provider)
    outcomes: list[Outcome] = []
    answer = await pipeline.stream("Why?")
    answer.on_end(outcomes.append)
    if how == "break":
        async with answer:
            async for _ in answer:
                break
    elif how == "aclose":
        await anext(answer)
        await answer.aclose()
        await answer.aclose()
    elif how == "dropped":
        await anext(answer)
    record = answer.attempts
    if how in ("dropped", "unread"):
        del answer
        gc.collect()
        await asyncio.sleep(0.001)  # the loop closes the generator
    assert outcomes == [Outcome.ABANDONED]
    assert (circuit(pipeline).in_flight, circuit(pipeline).failures) == (0, 0)
    assert record[0].outcome == "abandoned"
    assert (provider.in_progress, provider.cancelled) == (0, 1)
    assert pipeline.lifecycle.in_flight == (0, 0)


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
async def test_a_stream_dropped_together_with_the_generator_that_reads_it_ends_once() -> None:
    """The garbage collector finalizes both, and the loop closes the generator, which closes the stream."""
    provider = ScriptedProvider("only", [stream("one", stall())])
    pipeline = pipeline_of(provider)
    outcomes: list[Outcome] = []

    async def generator() -> AsyncGenerator[StreamEvent, None]:
        async with pipeline.stream("Why?") as answer:
            answer.on_end(outcomes.append)
            async for event in answer:
                yield event

    cycle: list[Any] = [generator()]
    await anext(cycle[0])
    cycle.append(cycle)
    del cycle
    gc.collect()
    await asyncio.sleep(0.001)
    assert outcomes == [Outcome.ABANDONED]
    assert (provider.in_progress, provider.cancelled) == (0, 1)
    assert circuit(pipeline).in_flight == 0


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
async def test_a_dropped_stream_settles_though_its_deadline_still_runs() -> None:
    """The timer of the deadline does not keep a stream alive that nobody has."""
    pipeline = pipeline_of(ScriptedProvider("only", [stream("one", stall())]), deadline=60)
    answer = await pipeline.stream("Why?")
    del answer
    gc.collect()
    await asyncio.sleep(0)  # a finalizer hands over, and settles nothing itself
    assert circuit(pipeline).in_flight == 0
    assert pipeline.lifecycle.in_flight == (0, 0)
    await asyncio.sleep(0.001)
    assert live_timers() == []


async def test_a_closed_stream_cannot_be_collected() -> None:
    """There is no whole answer, and a part is not passed off as one."""
    answer = await pipeline_of(ScriptedProvider("only", [stream("one", "two")])).stream("Why?")
    await answer.aclose()
    with pytest.raises(RuntimeError, match="closed before its end"):
        await answer.collect()


async def test_callbacks_are_called_once_each_and_a_raising_one_breaks_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The error of a callback is logged; the others and the reader do not notice."""
    answer = await pipeline_of(ScriptedProvider("only", ["fine"])).stream("Why?")
    told: list[Any] = []
    answer.on_end(lambda outcome: told.append(("first", outcome)))
    answer.on_end(lambda outcome: 1 / 0)  # type: ignore[arg-type]
    answer.on_end(lambda outcome: told.append(("last", outcome)))
    with caplog.at_level(logging.ERROR, "ranvier"):
        await answer.collect()
    await answer.aclose()
    assert told == [("first", Outcome.SUCCEEDED), ("last", Outcome.SUCCEEDED)]
    assert "ZeroDivisionError" in caplog.text
    answer.on_end(lambda outcome: told.append(outcome))
    assert told[-1] is Outcome.SUCCEEDED  # too late to wait for the end: it is told at once


# --- readers -------------------------------------------------------------------------------------


async def test_another_task_may_read_the_next_event() -> None:
    """A stream belongs to nobody: each read is bounded for the task that makes it."""
    answer = await pipeline_of(
        ScriptedProvider("only", [stream("one", after(1, "two"), stall())]), idle=3
    ).stream("?")
    assert (await asyncio.create_task(anext(answer))).text == "one"
    assert (await asyncio.create_task(anext(answer))).text == "two"
    reader = asyncio.create_task(anext(answer))
    with pytest.raises(StreamInterruptedError) as raised:
        await reader
    assert raised.value.reason == "timeout"
    assert reader.cancelling() == 0


async def test_two_tasks_cannot_wait_for_the_same_event() -> None:
    """The second is refused with a RuntimeError, and the stream goes on."""
    answer = await pipeline_of(ScriptedProvider("only", [stream("one", after(1, "two"))])).stream("Why?")
    await anext(answer)
    reader = asyncio.create_task(anext(answer))
    await asyncio.sleep(0.5)
    with pytest.raises(RuntimeError, match="another task"):
        await anext(answer)
    assert (await reader).text == "two"
    assert (await answer.collect()).text == "onetwo"


async def test_closing_a_stream_that_another_task_reads_ends_its_read() -> None:
    """The reader sees the end, is not cancelled, and the provider's connection is closed."""
    provider = SlowToClose("only", [stream("one", stall())])
    answer = await pipeline_of(provider).stream("Why?")
    await anext(answer)
    reader = asyncio.create_task(texts(answer))
    await asyncio.sleep(0.5)
    await answer.aclose()
    assert await reader == []
    assert reader.cancelling() == 0
    assert answer.ended
    assert provider.closed == 1


async def test_a_cancelled_reader_ends_the_stream_for_all() -> None:
    """Cancelling whoever reads abandons the stream; each read after that is an error, and no good end."""
    pipeline = pipeline_of(ScriptedProvider("only", [stream("one", stall())]))
    answer = await pipeline.stream("Why?")
    await anext(answer)
    reader = asyncio.create_task(anext(answer))
    await asyncio.sleep(0.5)
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    assert answer.ended
    for _ in range(2):
        with pytest.raises(StreamInterruptedError, match="a read of it was cancelled") as raised:
            await anext(answer)
        assert (raised.value.reason, raised.value.received.text) == ("cancelled", "one")
    assert (circuit(pipeline).in_flight, circuit(pipeline).failures) == (0, 0)


async def test_two_tasks_may_close_a_stream_at_once() -> None:
    """A connection that takes its time to close is closed once, and nobody is told off."""
    provider = SlowToClose("only", [stream("one", stall())])
    answer = await pipeline_of(provider).stream("Why?")
    await asyncio.gather(answer.aclose(), answer.aclose())
    await asyncio.sleep(1)
    assert provider.closed == 1


async def test_a_pending_stream_can_be_entered_awaited_and_iterated() -> None:
    """`async with`, `await` and a bare `async for` read the same events."""
    pipeline = pipeline_of(ScriptedProvider("only", [stream("one", "two")]))
    async with pipeline.stream("Why?") as entered:
        assert await texts(entered) == ["one", "two", ""]
    assert await texts(await pipeline.stream("Why?")) == ["one", "two", ""]
    assert await texts(pipeline.stream("Why?")) == ["one", "two", ""]


async def test_leaving_a_bare_loop_over_a_stream_closes_it() -> None:
    """Also where the stream was never given a name."""
    provider = ScriptedProvider("only", [stream("one", stall())])
    pipeline = pipeline_of(provider)
    async for _ in pipeline.stream("Why?"):
        break
    gc.collect()
    await asyncio.sleep(0.001)
    assert provider.in_progress == 0
    assert circuit(pipeline).in_flight == 0


async def test_nothing_is_sent_before_a_stream_is_used() -> None:
    """Asking for a stream checks the input; the request goes out when it is entered."""
    provider = ScriptedProvider("only", ["fine"])
    pending = pipeline_of(provider).stream("Why?")
    await asyncio.sleep(1)
    assert provider.calls == []
    async with pending:
        assert len(provider.calls) == 1


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
@pytest.mark.parametrize("failure", [broken(), stream(broken()), stream(SIGN_OF_LIFE, cut())])
async def test_a_stream_dropped_after_a_failover_needs_no_collector(failure: Any) -> None:
    """The error of the target before keeps its frames for a while, and none of them keeps the stream."""
    gc.disable()
    try:
        pipeline = Pipeline(
            Fallback(
                ScriptedProvider("one", [failure]), ScriptedProvider("two", [stream("a", after(9, "b"))])
            ),
            Breaker(),
        )
        answer = await pipeline.stream("Why?")
        dropped = weakref.ref(answer)
        del answer
        assert dropped() is None
        await asyncio.sleep(1)
        assert pipeline.lifecycle.in_flight == (0, 0)
    finally:
        gc.enable()
