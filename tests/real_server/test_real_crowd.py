"""Many calls at once to a server with few slots."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.real_server.llama_server import Dialect, LlamaServer, pieces, pipeline

pytestmark = pytest.mark.once

CALLS = 50


async def streamed(answers: Any, prompt: str, length: int) -> str:
    """The text of a streamed answer."""
    async with answers.stream(prompt, max_tokens=length) as stream:
        return "".join([piece async for piece in pieces(stream)])


async def whole(answers: Any, prompt: str, length: int) -> str:
    """The text of a whole answer."""
    return (await answers.complete(prompt, max_tokens=length)).text


async def test_fifty_calls_at_once(wide: LlamaServer, dialect: Dialect) -> None:
    """Whole and streamed in turn, each gets an answer of its own length and no other."""
    async with pipeline(dialect(wide)) as answers:
        calls = (
            (streamed, whole)[number % 2](answers, f"Call {number}", 10 + number) for number in range(CALLS)
        )
        texts = await asyncio.gather(*calls)
    assert [len(text) for text in texts] == [10 + number for number in range(CALLS)]
    await wide.until_free()


async def test_half_of_fifty_give_up(wide: LlamaServer, dialect: Dialect) -> None:
    """Those that are cancelled in a crowd disturb nobody else, and leave no slot taken."""
    async with pipeline(dialect(wide)) as answers:
        calls = [asyncio.create_task(whole(answers, f"Call {number}", 200)) for number in range(CALLS)]
        await wide.until_busy(4)
        for call in calls[::2]:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert [len(result) for result in results[1::2]] == [200] * (CALLS // 2)  # type: ignore[arg-type]
    await wide.until_free()
