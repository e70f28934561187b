"""Whoever gives up frees the server: its one slot is there for the next call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ranvier import AttemptTimeoutError, DeadlineExceededError
from ranvier.layers import Deadline, Timeout
from support.real_server.llama_server import Dialect, LlamaServer, pieces, pipeline

FOR_MINUTES = 100_000
"""The tokens of an answer that nobody waits for."""

SOON = 20.0
"""Seconds until the slot is free: the server looks once a second whether its client is still there, and
a loaded machine takes its time. The answer would go on for half a minute and more."""


async def cancel_a_whole_answer(server: LlamaServer, dialect: Dialect) -> None:
    async with pipeline(dialect(server)) as answers:
        task = asyncio.create_task(answers.complete("Hi", max_tokens=FOR_MINUTES))
        await server.until_busy()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await answered(answers)


async def leave_a_stream(server: LlamaServer, dialect: Dialect) -> None:
    async with pipeline(dialect(server)) as answers:
        async with answers.stream("Hi", max_tokens=FOR_MINUTES) as stream:
            async for _ in pieces(stream):
                break
        await answered(answers)


async def run_out_of_time(server: LlamaServer, dialect: Dialect) -> None:
    async with pipeline(dialect(server), Timeout(seconds=0.5)) as answers:
        with pytest.raises(AttemptTimeoutError):
            await answers.complete("Hi", max_tokens=FOR_MINUTES)


async def miss_the_deadline(server: LlamaServer, dialect: Dialect) -> None:
    async with pipeline(dialect(server), Deadline(seconds=1.5)) as answers:
        async with answers.stream("Hi", max_tokens=FOR_MINUTES) as stream:
            with pytest.raises(DeadlineExceededError) as caught:
                await drained(stream)
        assert caught.value.received.text


async def drained(stream: Any) -> None:
    """Read to the end."""
    async for _ in pieces(stream):
        pass


async def answered(answers: Any) -> None:
    """A short call is answered soon, which it is only once the slot is free."""
    start = time.monotonic()
    assert len((await answers.complete("Hi", max_tokens=5)).text) == 5
    assert time.monotonic() - start < SOON


@pytest.mark.parametrize(
    "give_up", [cancel_a_whole_answer, leave_a_stream, run_out_of_time, miss_the_deadline]
)
async def test_who_gives_up_frees_the_slot(
    narrow: LlamaServer, dialect: Dialect, give_up: Callable[[LlamaServer, Dialect], Awaitable[None]]
) -> None:
    """An answer that would take minutes stops being written when nobody waits for it any more."""
    await give_up(narrow, dialect)
    await narrow.until_free(within=SOON)


@pytest.mark.once
async def test_while_somebody_waits_the_slot_is_taken(narrow: LlamaServer, dialect: Dialect) -> None:
    """The other side of it: as long as the long answer is wanted, a short one has to wait."""
    async with pipeline(dialect(narrow)) as answers:
        async with answers.stream("Hi", max_tokens=FOR_MINUTES) as stream:
            await anext(pieces(stream))
            waiting = asyncio.create_task(answers.complete("Hi", max_tokens=5))
            done, _ = await asyncio.wait({waiting}, timeout=0.5)
            assert not done
        assert len((await waiting).text) == 5


@pytest.mark.once
async def test_who_is_cancelled_in_the_queue_is_never_served(narrow: LlamaServer, dialect: Dialect) -> None:
    """A call that gave up while it waited for the slot does not take it later."""
    async with pipeline(dialect(narrow)) as answers:
        async with answers.stream("Hi", max_tokens=FOR_MINUTES) as stream:
            await anext(pieces(stream))
            queued = asyncio.create_task(answers.complete("Hi", max_tokens=FOR_MINUTES))
            await narrow.until_queued()
            queued.cancel()
            with pytest.raises(asyncio.CancelledError):
                await queued
        await answered(answers)
