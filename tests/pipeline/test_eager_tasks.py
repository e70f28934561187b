"""Eager tasks, and task factories of the user's: a task may begin where it is made, or know no context."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ranvier import Pipeline, current_tenant, tenant
from ranvier.events import RegistryFull
from ranvier.layers import Breaker, Deadline, Fallback, Retry
from ranvier.testing import ScriptedProvider, broken, settled, stall, stream

needs_eager_tasks = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="tasks are never eager before Python 3.12"
)


def eagerly(loop: Any, work: Any, **more: Any) -> Any:
    """As asyncio's own, which knows no `eager_start=` before Python 3.13.3; uvloop gives one."""
    return asyncio.Task(work, loop=loop, **{"name": None, "context": None, **more, "eager_start": True})


def without_context(loop: Any, work: Any) -> Any:
    """A factory of the user's, as they were written before Python 3.11."""
    return asyncio.Task(work, loop=loop)


FACTORIES = pytest.mark.parametrize(
    "factory", [pytest.param(eagerly, marks=needs_eager_tasks), without_context]
)


@contextmanager
def tasks_made_by(factory: Any) -> Iterator[None]:
    """Let the running loop make its tasks so, until the block is left: pytest's own need a context."""
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    loop.set_task_factory(factory)
    try:
        yield
    finally:
        loop.set_task_factory(before)


@FACTORIES
async def test_an_async_listener_that_never_suspends_hears_every_event(factory: Any) -> None:
    """Its task may have ended before anybody knows of it."""
    with tasks_made_by(factory):
        heard: list[str] = []

        async def listen(event: Any) -> None:
            heard.append(event.name)

        provider = ScriptedProvider("one", [broken(), "ok"] * 3)
        pipeline = Pipeline(Fallback(provider), Retry(base_delay=0), listeners=[listen])
        for _ in range(3):
            await pipeline.complete("Why?")
            await pipeline.events.drain()
        assert heard == ["retry"] * 3
        await pipeline.aclose()


@FACTORIES
async def test_an_async_listener_runs_in_no_call(factory: Any) -> None:
    """It begins in a task of its own, when the call goes on already, and in the context of that call."""
    with tasks_made_by(factory):
        order: list[Any] = []

        async def listen(event: Any) -> None:
            order.append(current_tenant())

        pipeline = Pipeline(Fallback(ScriptedProvider("one")), Breaker(), listeners=[listen])
        await pipeline.circuits.isolate("acme", "one")
        await pipeline.events.drain()
        with tenant("globex"):
            pipeline.events.emit(RegistryFull(tenant="globex", provider="one", max_circuits=1))
            order.append("goes on")
        await pipeline.events.drain()
        assert order == ["acme", "goes on", "globex"]
        await pipeline.aclose()


@needs_eager_tasks
@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
async def test_streams_end_by_themselves_among_eager_tasks() -> None:
    """At their deadline, when they are dropped, and when their pipeline closes."""
    with tasks_made_by(eagerly):
        provider = ScriptedProvider("one", lambda call: stream("a", stall()))
        pipeline = Pipeline(Deadline(0.05), Fallback(provider), Breaker())
        held = [await pipeline.stream("Why?") for _ in range(2)]
        await asyncio.sleep(0.1)
        await settled(pipeline)
        held.clear()
        await pipeline.stream("Why?")
        await settled(pipeline)
        held.append(await pipeline.stream("Why?"))
        await pipeline.aclose()
        assert (held[0].ended, provider.in_progress) == (True, 0)


@needs_eager_tasks
async def test_calls_in_eager_tasks_open_a_pipeline_once() -> None:
    """Many tasks begin at once, each inside of the one that makes it."""
    with tasks_made_by(eagerly):
        pipeline = Pipeline(Fallback(ScriptedProvider("one", lambda call: "ok")), Breaker())
        answers = await asyncio.gather(*(asyncio.create_task(pipeline.complete("Why?")) for _ in range(5)))
        assert [answer.text for answer in answers] == ["ok"] * 5
        await pipeline.aclose()
