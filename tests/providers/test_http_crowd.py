"""The port to HTTP when many calls want a connection at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpcore
import httpcore._async.http11 as connection
import httpx
import pytest

from ranvier.providers import OpenAI

pytestmark = pytest.mark.integration

CROWD = 20
ANSWER = '{"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}'


def together() -> Callable[[Any], Awaitable[None]]:
    """A server that answers only when all of the crowd have asked."""
    asking: list[asyncio.Event] = []

    async def script(visit: Any) -> None:
        asking.append(asyncio.Event())
        if len(asking) == CROWD:
            for event in asking:
                event.set()
            asking.clear()
        else:
            await asking[-1].wait()
        await visit.answer(ANSWER)

    return script


async def test_a_crowd_finds_the_idle_connections_at_once(
    loopback: Any, over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is sent to a connection that another one takes first, to come back and try again."""
    refused: list[str] = []

    class Counted(httpcore.ConnectionNotAvailable):
        def __init__(self) -> None:
            refused.append("taken")

    monkeypatch.setattr(connection, "ConnectionNotAvailable", Counted)
    async with loopback(together()) as server, over(OpenAI, server) as asked:
        for _ in range(3):
            await asyncio.gather(*(asked.complete() for _ in range(CROWD)))
        assert server.accepted == CROWD
    assert not refused


async def test_who_gives_up_in_a_crowd_holds_nobody_up(loopback: Any, over: Any) -> None:
    """Calls cancelled at any moment on their way to a connection leave the way free for the next."""

    async def answer(visit: Any) -> None:
        await visit.answer(ANSWER)

    async with loopback(answer) as server, over(OpenAI, server) as asked:
        for turns in range(30):
            calls = [asyncio.create_task(asked.complete()) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for call in calls[:2]:
                call.cancel()
            async with asyncio.timeout(5):
                assert (await calls[2]).text == "Hello."
            await asyncio.wait(calls)


async def test_the_hooks_of_a_users_client_run_side_by_side(loopback: Any, over: Any) -> None:
    """A hook that waits, for a token of its own perhaps, holds up its own call and no other."""
    waiting: list[httpx.Request] = []
    all_here = asyncio.Event()

    async def hook(request: httpx.Request) -> None:
        waiting.append(request)
        if len(waiting) == CROWD:
            all_here.set()
        await all_here.wait()

    client = httpx.AsyncClient(event_hooks={"request": [hook]})
    async with client, loopback(together()) as server, over(OpenAI, server, http_client=client) as asked:
        async with asyncio.timeout(10):
            await asyncio.gather(*(asked.complete() for _ in range(CROWD)))
