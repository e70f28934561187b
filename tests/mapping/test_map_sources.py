"""Iterables of prompts are read in one task and closed with the run, which never hangs or falls short."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from ranvier import Pipeline
from ranvier.layers import Fallback
from ranvier.pipeline.mapping.prompts import BREATH
from ranvier.testing import ScriptedProvider, after, assert_settled, stall
from support.mapping.answering import taken

pytestmark = pytest.mark.virtual_time

page: ContextVar[int] = ContextVar("page", default=0)


def built(replies: Any = lambda call: call.request.messages[0].text.upper()) -> Pipeline:
    return Pipeline(Fallback(ScriptedProvider("one", replies)))


async def test_a_generator_is_read_and_closed_in_one_task() -> None:
    """So a cancel scope in it stays in its task, and a context variable that it sets stays set."""
    tasks, pages = set(), []

    async def rows() -> AsyncIterator[str]:
        async with asyncio.timeout(10):
            try:
                for number in range(20):
                    pages.append(page.get())
                    page.set(number + 1)
                    tasks.add(asyncio.current_task())
                    await asyncio.sleep(0.1)
                    yield str(number)
            finally:
                tasks.add(asyncio.current_task())

    async with built().map(rows(), concurrency=4) as run:
        async for result in run:
            if result.index == 9:
                break
    assert len(tasks) == 1
    assert pages[:10] == list(range(10))
    assert page.get() == 0


@pytest.mark.parametrize("left", [True, False])
async def test_a_generator_is_closed_at_the_end_of_the_run(left: bool) -> None:
    """Also if the run is left while nothing is read: its connection is given back at the end of the block."""
    closed = []

    def rows() -> Iterator[str]:
        try:
            yield from map(str, range(100))
        finally:
            closed.append("plain")

    async def pages() -> AsyncIterator[str]:
        try:
            for row in map(str, range(100)):
                yield row
        finally:
            await asyncio.sleep(1)
            closed.append("async")

    plain, paged = rows(), pages()
    for prompts in (plain, paged):
        async with built().map(prompts, concurrency=2) as run:
            async for _ in run:
                if left:
                    break
    assert closed == ["plain", "async"]


async def test_a_generator_that_fails_to_close_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The run has its results."""

    def rows() -> Iterator[str]:
        try:
            yield from "abc"
            yield "d"
        finally:
            raise ValueError("the connection is gone")

    async with built().map(rows(), concurrency=1) as run:
        async for _ in run:
            break
    assert "the generator of prompts raised an error as it was closed" in caplog.text


async def test_an_iterable_that_swallows_its_cancellation_does_not_go_on() -> None:
    """No prompt is sent after the run was left."""

    async def stubborn() -> AsyncIterator[str]:
        for number in range(1000):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1)
            yield str(number)

    provider = ScriptedProvider("one", lambda call: "fine")
    pipeline = Pipeline(Fallback(provider))
    async with pipeline.map(stubborn(), concurrency=3) as run:
        await anext(aiter(run))
    assert len(provider.calls) <= 2
    assert_settled(pipeline)


@pytest.mark.parametrize("concurrency", [1, 3, 50])
async def test_what_was_sent_before_an_iterable_failed_is_not_lost(concurrency: int) -> None:
    """Answers that are paid for come first, then the error."""

    def failing() -> Iterator[str]:
        yield from "abcde"
        raise ValueError("the database is gone")

    pipeline = built(lambda call: after(5, "late"))
    texts, ended = await taken(pipeline.map(failing(), concurrency=concurrency))
    assert texts == ["late"] * 5
    assert str(ended) == "the database is gone"


async def test_a_run_that_another_task_stops_has_no_shorter_list() -> None:
    """`collect` raises an error."""
    run = built([*"abc", stall()]).map(map(str, range(9)), concurrency=1)
    reader = asyncio.ensure_future(run.collect())
    await asyncio.sleep(1)
    await run.aclose()
    with pytest.raises(RuntimeError, match="this run was stopped, and has not all results"):
        await reader


async def test_few_prompts_need_few_tasks() -> None:
    """Whatever the concurrency."""
    before = len(asyncio.all_tasks())
    most = 0

    def count(call: Any) -> Any:
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        return after(1, "late")

    await built(count).map(["a", "b", "c"], concurrency=1_000_000).collect()
    assert most <= before + 4


async def test_a_long_list_leaves_turns_to_other_tasks() -> None:
    """While it is read, also if there is room for all of it."""
    read, turns = 0, []

    def prompts() -> Iterator[str]:
        nonlocal read
        while read < 3 * BREATH:
            read += 1
            yield "a"

    async def watch() -> None:
        while read < 3 * BREATH:
            turns.append(read)
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(watch())
    run = built(lambda call: after(1, "late")).map(prompts(), concurrency=10_000)
    assert len(await run.collect()) == 3 * BREATH
    await watching
    assert max(later - earlier for earlier, later in itertools.pairwise(turns)) <= BREATH
