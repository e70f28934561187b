"""Streaming: event by event, collected, left early, and what is known while it goes on."""

import asyncio
from collections.abc import AsyncIterator
from typing import assert_type

import pytest

from ranvier import Response, StreamEvent, StreamInterruptedError, ToolCallDelta, Usage, resilient
from ranvier.pipeline import PendingStream, ResponseStream
from ranvier.testing import ScriptedProvider, cut, stream


async def words(answer: ResponseStream) -> AsyncIterator[str]:
    async for event in answer:
        assert_type(event, StreamEvent)
        assert_type(event.tool_call, ToolCallDelta | None)
        if event.text:
            yield event.text


async def test_a_stream_is_read() -> None:
    """In each of the ways that there are."""
    pipeline = resilient(ScriptedProvider("anthropic", [stream("one ", "two")]))
    pending = pipeline.stream("Count.", max_tokens=10)
    assert_type(pending, PendingStream)
    async with pending as answer:
        assert [word async for word in words(answer)] == ["one ", "two"]
    if answer.response is not None:
        assert_type(answer.response, Response)
        assert_type(answer.response.usage, Usage)
    assert "".join([event.text async for event in pipeline.stream("Count.")]) == "one two"
    waited = await pipeline.stream("Count.")
    async with asyncio.timeout(5):
        assert (await waited.collect()).text == "one two"


async def test_a_stream_that_breaks_tells_what_had_come() -> None:
    """It is in `received`."""
    pipeline = resilient(ScriptedProvider("anthropic", [stream("one ", cut())]))
    async with pipeline.stream("Count.") as answer:
        with pytest.raises(StreamInterruptedError) as caught:
            async for _ in answer:
                pass
    assert_type(caught.value.received, Response | None)
    assert caught.value.received is not None
    assert caught.value.received.text == "one "
    assert_type(answer.received, Response)
