"""A read that is cancelled never makes an answer seem whole: each read after it is an error."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ranvier import Pipeline, StreamInterruptedError
from ranvier.layers import Breaker, Bulkhead, Fallback
from ranvier.messages import StreamEvent
from ranvier.testing import ScriptedProvider, after, assert_settled, stream

pytestmark = pytest.mark.virtual_time


def slow_stream(**options: Any) -> tuple[Pipeline, AsyncIterator[Any]]:
    """A stream that nobody enters, with a pause after its first words."""
    provider = ScriptedProvider("only", [stream("one", after(9, "two"))])
    pipeline = Pipeline(Fallback(provider), Bulkhead(1), Breaker())
    return pipeline, aiter(pipeline.stream("Why?", **options))


def slow_run(**options: Any) -> tuple[Pipeline, AsyncIterator[Any]]:
    """A run whose second answer takes long."""
    provider = ScriptedProvider("only", ["one", after(9, "two"), "three"])
    pipeline = Pipeline(Fallback(provider), Bulkhead(1), Breaker())
    return pipeline, aiter(pipeline.map(["a", "b", "c"], concurrency=1, **options))


@pytest.mark.parametrize(
    ("begin", "error"),
    [
        (slow_stream, StreamInterruptedError),
        (lambda: slow_stream(on_break="restart"), StreamInterruptedError),
        (slow_run, RuntimeError),
        (lambda: slow_run(in_order=False), RuntimeError),
    ],
)
async def test_reads_after_a_cancelled_one_are_errors(
    begin: Callable[[], tuple[Pipeline, AsyncIterator[Any]]], error: type[Exception]
) -> None:
    """A loop over it would end, as if nothing were missing; nothing is left in flight."""
    pipeline, reading = begin()
    await anext(reading)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(reading), 1)
    for _ in range(2):
        with pytest.raises(error):
            await anext(reading)
    assert_settled(pipeline)


async def test_reads_after_a_cancelled_first_one_are_errors() -> None:
    """It had no content yet; nothing is sent again."""
    provider = ScriptedProvider("only", [after(9, "late")])
    reading = aiter(Pipeline(Fallback(provider)).stream("Why?"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(reading), 1)
    with pytest.raises(RuntimeError, match="was cancelled"):
        await anext(reading)
    assert len(provider.calls) == 1


async def test_a_loop_over_a_stream_that_fails_at_once_is_at_its_end() -> None:
    """As a generator that has raised an error."""
    reading = aiter(Pipeline(Fallback(ScriptedProvider("only", [OSError("down")]))).stream("Why?"))
    with pytest.raises(OSError, match="down"):
        await anext(reading)
    with pytest.raises(StopAsyncIteration):
        await anext(reading)


@pytest.mark.parametrize("begin", [slow_stream, slow_run])
@pytest.mark.parametrize("leave", ["close", "throw", "elsewhere"])
async def test_what_is_left_early_is_closed(begin: Any, leave: str) -> None:
    """By hand, by an error, or in another task."""
    pipeline, reading = begin()
    await anext(reading)
    if leave == "throw":
        with pytest.raises(ZeroDivisionError):
            await reading.athrow(ZeroDivisionError())
    elif leave == "close":
        await reading.aclose()
    else:
        await asyncio.create_task(reading.aclose())
    assert_settled(pipeline)
    with pytest.raises(StopAsyncIteration):
        await anext(reading)


async def test_two_tasks_cannot_begin_to_read_one_stream() -> None:
    """The second would take the answer for empty."""
    provider = ScriptedProvider("p", [after(1, "hello")])
    async with Pipeline(Fallback(provider)) as pipeline:
        reading = aiter(pipeline.stream("Why?"))
        both = await asyncio.gather(anext(reading), anext(reading), return_exceptions=True)
        assert isinstance(both[0], StreamEvent)
        assert isinstance(both[1], RuntimeError)
        await reading.aclose()
