"""What is left of a request goes with the last who holds it: it does not wait for Python's collector."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from ranvier.errors import ProviderError
from ranvier.providers import OpenAI
from ranvier.providers._http.port import HttpReply, HttpRequest

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Hello."},"finish_reason":"stop"}]}\n\n'
WHOLE = b'{"choices":[{"message":{"content":"Hello."},"finish_reason":"stop"}]}'


async def whole(visit: Any) -> None:
    """A whole answer, read as one or as a stream."""
    await (visit.begin_stream(EVENT, b"") if '"stream":true' in visit.body else visit.answer(WHOLE))


async def no_answer(visit: Any) -> None:
    """A whole body without an answer in it."""
    await visit.answer("{}")


async def refused(visit: Any) -> None:
    """An error with a body."""
    await visit.answer("{}", status="503 Service Unavailable")


async def cut(visit: Any) -> None:
    """An end that comes too early."""
    await visit.begin_stream(EVENT.replace(b'"stop"', b"null"), b"")


async def broken(visit: Any) -> None:
    """A connection that breaks in the middle of a body."""
    await visit.begin_stream(EVENT.replace(b'"stop"', b"null"))
    visit.writer.close()


async def silent(visit: Any) -> None:
    """A body that stops, until the client leaves."""
    await visit.begin_stream(EVENT.replace(b'"stop"', b"null"))
    await visit.gone()


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Whatever is gone is gone because nobody held it any more."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def kept() -> list[object]:
    """The requests and replies that are still in memory."""
    return [each for each in gc.get_objects() if isinstance(each, (HttpRequest, HttpReply))]


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("script", [whole, no_answer, refused, cut, broken, silent])
async def test_what_is_left_of_a_request_needs_no_collector(
    loopback: Any, over: Any, script: Any, streamed: bool
) -> None:
    """However it ends, its key, its body and its frames are not held by one another until some later time."""
    before = list(map(id, kept()))  # by the replies of other tests, which are constants
    async with loopback(script) as server, over(OpenAI, server) as asked:
        task = asyncio.create_task(asked.stream() if streamed else asked.complete())
        if script is silent:
            await server.visited.wait()
            await asyncio.sleep(0.02)
            task.cancel()
        with suppress(ProviderError, asyncio.CancelledError):
            await task
        del task
        await asyncio.sleep(0.02)  # its own task ends a moment later
        assert [each for each in kept() if id(each) not in before] == []
