"""Callers who go away: the request ends with them, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ranvier.messages.response import Response
from ranvier.testing.contract.given import Given, needs, rule, shown
from ranvier.testing.contract.scene import PATIENCE, Scene
from ranvier.testing.loopback import Script, Visit
from ranvier.testing.settled import unsettled

AT_ONCE = 2.0
"""Seconds within which a connection has to be closed, and a cancellation to come out."""


class Leaving(Given):
    """What becomes of a request that nobody waits for any more."""

    @rule
    async def test_a_cancelled_call_ends_and_closes_its_connection(self, scene: Scene) -> AsyncIterator[str]:
        """Before the first byte, or within the answer; and the next call is answered."""
        for way in scene.ways:
            content = self._content(way)
            within = self._stream(content[: len(content) // 2], end=Visit.gone)
            for name, script in (("before", Visit.gone), ("within", within)):
                if wrong := await _cancelled(scene, way, script):
                    yield f"cancelled {name} the answer, {way}: {wrong}"
            outcome = await scene.outcome(way, self._good(way))
            if not isinstance(outcome, Response):
                yield f"the call after that, {way}: {shown(outcome)}"

    @rule
    async def test_a_stream_that_is_left_closes_its_connection(self, scene: Scene) -> AsyncIterator[str]:
        """Its reader closes it at the first event."""
        needs(scene.streams, "it cannot stream")
        content = self._stream_given()
        scene.play(self._stream(content[: len(content) * 2 // 3], end=Visit.gone))
        async with asyncio.timeout(PATIENCE), scene.pipeline.stream("Why?", tenant="acme"):
            pass
        if not await _closes(scene.server.visits[-1]):
            yield "a stream that its reader has closed keeps its connection open"
        for left in unsettled(scene.pipeline):
            yield left

    @rule
    async def test_a_pipeline_that_closes_leaves_nothing(self, scene: Scene) -> AsyncIterator[str]:
        """No connection, no task."""
        for way in reversed(scene.ways):  # whole at the end: its connection may be kept for the next
            await scene.outcome(way, self._good(way))
        await scene.pipeline.aclose()
        if not await _closes(*scene.server.visits):
            yield f"{scene.server.open} connections are open after the pipeline has closed"
        for left in unsettled(scene.pipeline):
            yield left
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in (await asyncio.wait(tasks, timeout=AT_ONCE))[1] if tasks else ():
            yield f"a task goes on: {task.get_coro()!r:.80}"


async def _cancelled(scene: Scene, way: str, script: Script) -> str | None:
    """What is wrong with a call that is cancelled while the server is silent."""
    scene.play(script)
    before = len(scene.server.visits)
    task = asyncio.create_task(scene.ask(way))
    visited = asyncio.create_task(scene.server.visited(before + 1))
    await asyncio.wait([task, visited], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if not visited.done():
        visited.cancel()
        return "its request never comes"
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task], timeout=AT_ONCE)
    if not task.done():
        task.cancel()
        return "it goes on"
    if not task.cancelled():
        return f"it ends with {shown(task.exception() or task.result())}"
    return None if await _closes(visited.result()) else "its connection stays open"


async def _closes(*visits: Visit) -> bool:
    """Whether the connections of these requests are closed, or will be at once."""
    try:
        async with asyncio.timeout(AT_ONCE):
            for visit in visits:
                await visit.closed.wait()
    except TimeoutError:
        return False
    return True
