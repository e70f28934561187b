"""A cancelled request leaves nothing behind: no socket, no slot, no connection that nobody closes."""

import asyncio
import random
import time
from typing import Any

import pytest

from ranvier.providers import Anthropic, Ollama, OpenAI
from support.providers.asking import half_a_body, silence

ANSWER = '{"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}'
TURNS = 60
"""Of the loop, within which a request has certainly been sent."""

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Hello."}}]}\n\n'


async def half_a_stream(visit: Any) -> None:
    """Some events."""
    await visit.begin_stream(EVENT, EVENT)
    await visit.gone()


async def half_a_refusal(visit: Any) -> None:
    """The headers of an error, and half of its body."""
    await visit.send("HTTP/1.1 500 Oh\r\ncontent-length: 99\r\n\r\n{")
    await visit.gone()


STEPS = {
    "before the headers": silence,
    "within the body": half_a_body,
    "within a stream": half_a_stream,
    "within the body of an error": half_a_refusal,
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_a_cancelled_request_closes_its_socket(
    loopback: Any, over: Any, step: str, streamed: bool, times: int
) -> None:
    """Wherever a request is when its task is cancelled (and cancelled again), the server sees it leave."""
    async with loopback(STEPS[step]) as server, over(OpenAI, server) as asked:
        task = asyncio.create_task(asked.stream() if streamed else asked.complete())
        await server.visited.wait()
        await asyncio.sleep(0.03)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await server.settled() == 0


async def test_a_request_cancelled_at_any_turn_leaves_no_connection_in_the_pool(
    loopback: Any, over: Any
) -> None:
    """Every later use of the pool would walk past it, until the pipeline closes."""
    async with loopback(silence) as server, over(OpenAI, server, engine="httpx") as asked:
        for turn in range(TURNS):
            task = asyncio.create_task(asked.complete())
            for _ in range(turn):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await server.settled() == 0
            ((_, shared),) = asked.provider._connections._leases
            assert len(shared.client._pools) == 0


async def test_a_request_cancelled_while_it_connects_closes_its_socket(loopback: Any, over: Any) -> None:
    """A handshake that hangs is left behind by a cancellation."""
    async with loopback(silence) as server:
        server.url = server.url.replace("http:", "https:")
        async with over(OpenAI, server) as asked:
            task = asyncio.create_task(asked.complete())
            await server.connected.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await server.settled() == 0


async def test_a_stream_that_is_left_closes_its_socket(loopback: Any, over: Any) -> None:
    """A reader who stops and closes the stream is seen to leave by the server."""
    async with loopback(half_a_stream) as server, over(OpenAI, server) as asked:
        stream = asked.provider.stream(asked.call())
        async for event in stream:
            if event.text:
                break
        await stream.aclose()
        assert await server.settled() == 0


@pytest.mark.parametrize("adapter", [OpenAI, Anthropic, Ollama])
async def test_every_adapter_closes_what_is_cancelled(loopback: Any, over: Any, adapter: Any) -> None:
    """The way out is the same for all adapters."""
    async with loopback(silence) as server, over(adapter, server) as asked:
        task = asyncio.create_task(asked.complete())
        await server.visited.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await server.settled() == 0


@pytest.mark.once
async def test_after_ten_thousand_cancelled_requests_it_still_answers(loopback: Any, over: Any) -> None:
    """Cancelled while they wait for a slot, connect, send or read: every slot comes back, and answers."""

    async def slow(visit: Any) -> None:
        await asyncio.sleep(0.05)
        await visit.answer(ANSWER)

    async with loopback(slow) as server, over(OpenAI, server, max_connections=50) as asked:
        slots = asked.provider.slots

        async def one() -> None:
            async with slots:
                await asked.complete()

        dice, began = random.Random(1), time.perf_counter()
        for _ in range(100):
            tasks = [asyncio.create_task(one()) for _ in range(100)]
            for task in dice.sample(tasks, len(tasks)):
                if dice.random() < 0.05:
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert slots._value == 50
        assert time.perf_counter() - began < 60
        answers = await asyncio.gather(*(asyncio.wait_for(asked.complete(), 5) for _ in range(50)))
        assert {answer.text for answer in answers} == {"Hello."}
