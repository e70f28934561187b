"""What a provider of a class of the user's returns is checked: anything else fails its attempt."""

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pydantic
import pytest

from ranvier import InvalidResponseError, Pipeline, Response
from ranvier.layers import Breaker, Bulkhead, Fallback
from ranvier.messages import StreamEvent
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


WHOLE = [
    (Mine(), "complete returned a NoneType"),
    (Mine("text"), "complete returned a str"),
    (Mine({"text": "text"}), "complete returned a dict"),
    (Mine(Response(None)), "the text of its Response is a NoneType: give a str"),  # type: ignore[arg-type]
    (Mine(forgotten), "complete returned a coroutine"),
    (Synchronous(), "complete returned a NoneType"),
]

STREAMED = [
    (Mine(events=yielding), "stream yielded a NoneType"),
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
