"""Cancelled callers: their request ends with them, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ranvier.messages.response import Response
from ranvier.testing.contract.given import Given, needs, rule, shown
from ranvier.testing.contract.scene import PATIENCE, Scene
from ranvier.testing.loopback import Script, Visit
from ranvier.testing.settled import unsettled

AT_ONCE = 2.0
"""Seconds within which a connection must be closed, and a cancelled call must end."""


class Leaving(Given):
    """Rules about cancelled calls and abandoned streams."""

    @rule
    async def test_a_cancelled_call_ends_and_closes_its_connection(self, scene: Scene) -> AsyncIterator[str]:
        """Cancelled before the first byte or within the answer; the next call succeeds."""
        for way in scene.ways:
            content = self._content(way)
            within = self._stream(content[: len(content) // 2], end=Visit.gone)
            for name, script in (("before", Visit.gone), ("within", within)):
                if wrong := await _cancelled(scene, way, script):
                    yield f"cancelled {name} the answer, {way}: {wrong}"
            outcome = await scene.outcome(way, self._good(way))
            if not isinstance(outcome, Response):
                yield f"the call after a cancelled one, {way}: {shown(outcome)}"

    @rule
    async def test_a_stream_that_is_left_closes_its_connection(self, scene: Scene) -> AsyncIterator[str]:
        """The reader closes the stream at its first event."""
        needs(scene.streams, "the provider cannot stream")
        content = self._stream_given()
        scene.play(self._stream(content[: len(content) * 2 // 3], end=Visit.gone))
        async with asyncio.timeout(PATIENCE), scene.pipeline.stream("Why?", tenant="acme"):
            pass
        if not await _closes(scene.server.visits[-1]):
            yield "the connection of a closed stream stays open"
        for left in unsettled(scene.pipeline):
            yield left

    @rule
    async def test_a_pipeline_that_closes_leaves_nothing(self, scene: Scene) -> AsyncIterator[str]:
        """No connection and no task."""
        for way in reversed(scene.ways):  # whole last: its connection may be kept for reuse
            await scene.outcome(way, self._good(way))
        await scene.pipeline.aclose()
        if not await _closes(*scene.server.visits):
            yield f"{scene.server.open} connections are open after the pipeline was closed"
        for left in unsettled(scene.pipeline):
            yield left
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in (await asyncio.wait(tasks, timeout=AT_ONCE))[1] if tasks else ():
            yield f"a task is still running: {task.get_coro()!r:.80}"


async def _cancelled(scene: Scene, way: str, script: Script) -> str | None:
    """Cancel a call while the server is silent; returns what goes wrong, or `None`."""
    scene.play(script)
    before = len(scene.server.visits)
    task = asyncio.create_task(scene.ask(way))
    visited = asyncio.create_task(scene.server.visited(before + 1))
    await asyncio.wait([task, visited], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if not visited.done():
        visited.cancel()
        return "the request never arrives"
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task], timeout=AT_ONCE)
    if not task.done():
        task.cancel()
        return "it does not end"
    if not task.cancelled():
        return f"it ends with {shown(task.exception() or task.result())}"
    return None if await _closes(visited.result()) else "its connection stays open"


async def _closes(*visits: Visit) -> bool:
    """True if the connections of these requests are closed within `AT_ONCE`."""
    try:
        async with asyncio.timeout(AT_ONCE):
            for visit in visits:
                await visit.closed.wait()
    except TimeoutError:
        return False
    return True
