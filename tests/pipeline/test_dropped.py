"""A stream that nobody has any more is settled by its loop, whichever thread collects it."""

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from ranvier import Pipeline
from ranvier.layers import Breaker, Fallback, Timeout
from ranvier.messages import StreamEvent
from ranvier.testing import ScriptedProvider, VirtualTimeLoop, settled, stall, stream

pytestmark = pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    """The garbage collector comes when the test wants it to."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def unraisable(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What a finalizer raises, and nobody can catch."""
    raised: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: raised.append(told.exc_value))
    yield raised
    gc.collect()
    assert raised == []


class Session:
    """As applications have them: it knows itself, so only the garbage collector ends it."""

    def __init__(self, answer: Any) -> None:
        self.me = self
        self.answer = answer


def scene(slots: int = 1) -> tuple[Pipeline, ScriptedProvider]:
    provider = ScriptedProvider("one", lambda call: stream("a", stall()))
    provider.slots = asyncio.BoundedSemaphore(slots)  # type: ignore[attr-defined]
    return Pipeline(Fallback(provider), Breaker(), Timeout(connect=5)), provider


def in_flight(pipeline: Pipeline) -> int:
    ((_, circuit),) = pipeline.circuits
    return circuit.in_flight


@pytest.mark.parametrize("listens", [None, "plain", "async"])
async def test_a_stream_that_another_thread_collects_gives_everything_back(listens: str | None) -> None:
    """Listeners hear of it on the loop, and whoever waits for its slot gets that."""
    pipeline, _ = scene()
    heard: list[Any] = []

    def plain(event: Any) -> None:
        heard.append((event.name, threading.get_ident()))

    async def slow(event: Any) -> None:
        plain(event)

    if listens is not None:
        pipeline.events.add(plain if listens == "plain" else slow, verbose=True)
    session = Session(await pipeline.stream("Why?"))
    waiting = asyncio.create_task(anext(aiter(pipeline.stream("Why?"))))
    await asyncio.sleep(0.01)
    assert (in_flight(pipeline), waiting.done()) == (2, False)
    del session
    collecting = threading.Timer(0.02, gc.collect)
    collecting.start()
    async with asyncio.timeout(1):  # nothing else wakes the loop before
        assert (await waiting).text == "a"
    collecting.join()  # the next test may collect as well, which does nothing while another thread does
    await pipeline.events.drain()
    if listens is not None:
        assert ("call_ended", threading.get_ident()) in heard
        assert {thread for _, thread in heard} == {threading.get_ident()}
    await pipeline.aclose()


async def test_a_stream_that_is_collected_in_the_middle_of_anything_is_settled_later() -> None:
    """In the loop's own thread too: no state changes within the code that happens to be interrupted."""
    pipeline, provider = scene()
    told: list[Any] = []
    pipeline.events.add(told.append, verbose=True)
    session = Session(await pipeline.stream("Why?"))
    told.clear()
    del session
    gc.collect()
    assert (in_flight(pipeline), told, pipeline.lifecycle.in_flight) == (1, [], (0, 1))
    await settled(pipeline)
    assert [event.name for event in told] == ["attempt_ended", "call_ended"]
    assert provider.in_progress == 0
    await pipeline.aclose()


async def test_a_dropped_stream_is_given_back_once() -> None:
    """Its generator, which is garbage as well, is closed once and by us."""
    pipeline, provider = scene(slots=3)
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
    sessions = [Session(await pipeline.stream("Why?")) for _ in range(3)]
    del sessions
    await asyncio.to_thread(gc.collect)
    await settled(pipeline)
    assert (errors, provider.cancelled, provider.in_progress) == ([], 3, 0)
    await pipeline.aclose()


class Slow(ScriptedProvider):
    """Takes its time to clean up."""

    async def stream(self, call: Any) -> AsyncGenerator[StreamEvent, None]:
        try:
            yield StreamEvent("a")
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            self.cancelled += 1


async def test_a_pipeline_that_is_dropped_with_its_streams_makes_no_noise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All of it is garbage at once: the loop closes the generator, and we do not."""
    provider = Slow("one")
    pipeline = Pipeline(Fallback(provider), Breaker())
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
    session = Session((pipeline, await pipeline.stream("Why?")))
    del session, pipeline
    await asyncio.to_thread(gc.collect)
    await asyncio.sleep(0.05)
    gc.collect()
    assert (errors, caplog.text, provider.cancelled) == ([], "", 1)


@pytest.mark.parametrize("how", ["collected", "closed"])
def test_a_stream_whose_loop_is_closed_is_settled_in_silence(
    how: str, unraisable: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The place in its circuit is free, no listener is told, and nobody is woken who cannot wake up."""
    told: list[Any] = []
    loop = asyncio.new_event_loop()
    pipeline, _ = scene()
    pipeline.events.add(told.append, verbose=True)

    async def ask() -> Any:
        return await pipeline.stream("Why?")

    session = Session(loop.run_until_complete(ask()))
    waiting = loop.create_task(ask())
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    told.clear()
    assert in_flight(pipeline) == 2
    if how == "collected":
        del session
        thread = threading.Thread(target=gc.collect)
        thread.start()
        thread.join()
    else:
        asyncio.run(session.answer.aclose())
    assert (in_flight(pipeline), told, unraisable, caplog.text) == (1, [], [], "")
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # because: the test has left it
    waiting.get_coro().close()  # type: ignore[union-attr]


def test_a_stream_that_is_dropped_on_a_loop_which_has_stopped_is_settled_when_that_is_closed() -> None:
    """What was handed to a loop that never runs again is not lost either."""
    loop = VirtualTimeLoop()
    pipeline, _ = scene()

    async def ask() -> Any:
        return await pipeline.stream("Why?")

    session = Session(loop.run_until_complete(ask()))
    del session
    gc.collect()
    assert in_flight(pipeline) == 1
    loop.close()
    gc.collect()
    assert in_flight(pipeline) == 0


async def test_a_loop_of_streams_that_is_left_early_gives_everything_back() -> None:
    """`async for` over a stream that was never entered: leaving it drops it."""
    pipeline, provider = scene()
    async for event in pipeline.stream("Why?"):
        assert event.text == "a"
        break
    del event
    await settled(pipeline)
    assert provider.in_progress == 0
    await pipeline.aclose()
