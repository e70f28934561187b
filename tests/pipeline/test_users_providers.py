"""What a provider of a class of the user's returns is checked: anything else fails its attempt."""

import asyncio
import inspect
import math
from collections.abc import AsyncIterator
from typing import Any, cast

import pydantic
import pytest

from ranvier import (
    InvalidResponseError,
    Pipeline,
    RateLimitError,
    Response,
    ServerError,
    StreamInterruptedError,
    Usage,
)
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers import Breaker, Bulkhead, Fallback, Pacing, Retry, SpendLimit, Timeout
from ranvier.messages import StreamEvent, ToolCallDelta
from ranvier.providers import Stub
from ranvier.testing import assert_settled

pytestmark = pytest.mark.virtual_time


class Mine:
    """A provider that returns what it is told to."""

    name = default_model = "mine"

    def __init__(self, answer: Any = None, events: Any = None) -> None:
        self.answer = answer
        if events is not None:
            self.stream = events

    async def complete(self, call: Any) -> Any:
        return self.answer() if callable(self.answer) else self.answer


class Synchronous(Mine):
    """One whose `complete` is no coroutine function."""

    def complete(self, call: Any) -> Any:
        return self.answer


class Reporting(Mine):
    """One that reports its limits, and can stream its answer."""

    async def complete(self, call: Any) -> Any:
        call.on_limits(RateLimits(tokens=RateLimit(5000, 4000, 60.0)), True)
        return self.answer

    async def stream(self, call: Any) -> AsyncIterator[StreamEvent]:
        answer = await self.complete(call)
        yield StreamEvent(text=answer.text)
        yield StreamEvent(usage=answer.usage)


async def forgotten() -> str:
    """A coroutine that is returned and not awaited."""
    return "text"


async def yielding(call: Any) -> AsyncIterator[Any]:
    """A stream that yields what is no event."""
    yield None


class Iterable:
    """What can be iterated, and is no iterator."""

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        yield StreamEvent(text="words")


class Counts:
    """The usage of an SDK."""

    total = total_tokens = 3


async def counting(call: Any) -> AsyncIterator[Any]:
    """A stream whose usage is that of an SDK."""
    yield StreamEvent(text="words")
    yield StreamEvent(usage=Counts())  # type: ignore[arg-type]  # because: it is wrong on purpose


WHOLE = [
    (Mine(), "complete returned a NoneType"),
    (Mine("text"), "complete returned a str"),
    (Mine({"text": "text"}), "complete returned a dict"),
    (Mine(Response(None)), "the text of its Response is a NoneType: give a str"),  # type: ignore[arg-type]
    (Mine(forgotten), "complete returned a coroutine"),
    (Synchronous(), "complete returned a NoneType"),
    (Mine(Response("words", usage=Counts())), "the usage of its answer is a Counts"),  # type: ignore[arg-type]
]


def one(**fields: Any) -> Any:
    """A stream of one event with `fields`."""

    async def events(call: Any) -> AsyncIterator[StreamEvent]:
        yield StreamEvent(**fields)

    return events


EVENT = "stream yielded a StreamEvent whose"

STREAMED = [
    (Mine(events=yielding), "stream yielded a NoneType"),
    (Mine(events=one(text=b"words")), f"{EVENT} text or reasoning is no str"),
    (Mine(events=one(reasoning=3)), f"{EVENT} text or reasoning is no str"),
    (Mine(events=one(tool_call={"name": "f"})), f"{EVENT} tool_call is of another type"),
    (Mine(events=one(tool_call=ToolCallDelta(0, "1", "f", cast(Any, {1: 2})))), f"{EVENT} tool_call is of"),
    (Mine(events=one(finish_reason=7)), f"{EVENT} finish_reason is of another type"),
    (Mine(events=lambda call: None), "stream returned a NoneType"),
    (Mine(events=lambda call: [StreamEvent(text="words")]), "stream returned a list"),
]


@pytest.mark.parametrize(
    ("provider", "says", "streaming"),
    [
        *((*each, False) for each in WHOLE),
        *((*each, True) for each in (*WHOLE, *STREAMED)),
    ],
)
async def test_what_is_no_answer_fails_the_attempt(provider: Mine, says: str, streaming: bool) -> None:
    """The error names the provider and what it returned; the next target answers, and nothing is held."""

    async def ask(pipeline: Pipeline) -> Any:
        if not streaming:
            return await pipeline.complete("Why?")
        async with pipeline.stream("Why?") as answer:
            return await answer.collect()

    with pytest.raises(InvalidResponseError, match=f"mine: {says}"):
        await ask(Pipeline(Fallback(provider)))
    pipeline = Pipeline(Fallback(provider, Stub("here")), Bulkhead(1), Breaker())
    answer = await ask(pipeline)
    assert [each.outcome for each in answer.attempts] == ["invalid_response", "succeeded"]
    assert answer.text == "here"
    assert_settled(pipeline)


async def test_a_stream_with_the_usage_of_an_sdk_breaks_at_its_end() -> None:
    """Its words were shown before; no usage is recorded, so that the story can be told."""
    pipeline = Pipeline(Fallback(Mine(events=counting)), Bulkhead(1), Breaker())
    with pytest.raises(StreamInterruptedError, match="invalid_response") as broken:
        async with pipeline.stream("Why?") as answer:
            await answer.collect()
    assert "the usage of its answer is a Counts" in str(broken.value.__cause__)
    assert broken.value.attempts[0].usage is None
    assert "stream dropped" in broken.value.explain()
    assert_settled(pipeline)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "usage",
    [
        Usage(1, 1, cast(Any, "two")),
        Usage(1, cast(Any, None), 2),
        Usage(1, cast(Any, math.nan), 2),
        Usage(cast(Any, math.inf), 1, 2),
        Usage(10**400, 1, 2),
        Usage(-4000, 1, 2),
    ],
)
async def test_a_nonsensical_usage_counts_as_unknown(usage: Usage, streaming: bool) -> None:
    """The answer counts. Nothing stays reserved for it, and the limits can still be computed."""
    pacing, spend = Pacing(), SpendLimit(1_000_000, 60)
    pipeline = Pipeline(spend, Fallback(Reporting(Response("words", usage=usage))), pacing)
    for _ in range(3):
        if streaming:
            async with pipeline.stream("Why?", max_tokens=10) as reading:
                answer = await reading.collect()
        else:
            answer = await pipeline.complete("Why?", max_tokens=10)
        assert answer.text == "words"
        assert answer.usage == Usage(complete=False)
        assert "succeeded" in answer.explain()
    assert_settled(pipeline)
    assert all(0 < each.left < 5000 for each in pacing.allowances)


async def test_what_can_be_iterated_is_a_stream() -> None:
    """As the streams of most SDKs, which are no iterators themselves."""
    async with Pipeline(Fallback(Mine(events=lambda call: Iterable()))).stream("Why?") as answer:
        assert (await answer.collect()).text == "words"


async def test_an_answer_that_a_provider_keeps_is_each_callers_own() -> None:
    """The pipeline writes into a copy: earlier callers keep their record and what was parsed for them."""

    class Whole(pydantic.BaseModel):
        number: int

    class Broken(pydantic.BaseModel):
        number: float

    pipeline = Pipeline(Fallback(Mine(kept := Response(text='{"number": 1}'))))
    first = await pipeline.complete("Why?", tenant="acme", schema=Whole)
    story, attempts = first.explain(), first.attempts
    second = await pipeline.complete("Why?", tenant="globex", schema=Broken)
    assert (type(first.parsed), type(second.parsed), kept.parsed) == (Whole, Broken, None)
    assert (first.explain(), first.attempts) == (story, attempts)
    assert (kept.attempts, kept.provider) == ((), "")


async def test_a_plain_function_may_answer_as_well() -> None:
    """Nothing speaks against an answer that is there at once."""
    provider = Synchronous(Response(text="fine"))
    assert not inspect.iscoroutinefunction(provider.complete)
    assert (await Pipeline(Fallback(provider)).complete("Why?")).text == "fine"


async def test_an_iterable_that_is_left_early_is_closed() -> None:
    """With the stream, and not when the garbage collector finds it."""
    closed: list[bool] = []
    iterators: list[AsyncIterator[StreamEvent]] = []  # kept, so that nobody collects them

    async def words() -> AsyncIterator[StreamEvent]:
        try:
            yield StreamEvent(text="one")
            yield StreamEvent(text="two")
        finally:
            closed.append(True)

    class Words:
        def __aiter__(self) -> AsyncIterator[StreamEvent]:
            iterators.append(words())
            return iterators[0]

    async with Pipeline(Fallback(Mine(events=lambda call: Words()))) as pipeline:
        async with pipeline.stream("Why?") as stream:
            await anext(stream)
        assert closed == [True]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("error", "kind"),
    [(ServerError("down", provider="mine"), "server_error"), (asyncio.CancelledError(), "network")],
)
async def test_a_plain_stream_function_that_raises_has_made_an_attempt(
    error: BaseException, kind: str, streaming: bool
) -> None:
    """As an async generator has that raises before its first event: it is recorded, and falls back."""

    def stream(call: Any) -> Any:
        raise error

    pipeline = Pipeline(
        Fallback(Mine(events=stream), Stub("here")), Bulkhead(1), Breaker(), Timeout(first_token=5)
    )
    if streaming:
        async with pipeline.stream("Why?") as events:
            answer = await events.collect()
    else:
        answer = await pipeline.complete("Why?")
    assert [each.outcome for each in answer.attempts] == [kind, "succeeded"]
    assert_settled(pipeline)


async def test_one_error_that_a_plain_stream_function_raises_again_belongs_to_each_call() -> None:
    """It carries the attempts of the call that raised it, and earlier calls keep theirs."""
    error = RateLimitError("slow down", provider="mine")

    def stream(call: Any) -> Any:
        raise error

    pipeline = Pipeline(Fallback(Mine(events=stream)), Retry(1, jitter="none"))
    raised: list[RateLimitError] = []
    for _ in range(2):
        with pytest.raises(RateLimitError) as caught:
            await pipeline.stream("Why?")
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert [[each.number for each in one.attempts] for one in raised] == [[1, 2], [1, 2]]
    assert raised[0].attempts[0] is not raised[1].attempts[0]


async def test_a_plain_stream_function_is_called_when_a_slot_is_free() -> None:
    """It may send its request at once, and belongs to the attempt."""
    called: list[float] = []

    def stream(call: Any) -> Any:
        called.append(asyncio.get_running_loop().time())
        return Iterable()

    provider: Any = Mine(events=stream)
    provider.slots = asyncio.Semaphore(0)
    task = asyncio.ensure_future(Pipeline(Fallback(provider)).stream("Why?"))
    await asyncio.sleep(3)
    provider.slots.release()
    await (await task).collect()
    assert called == [3]
