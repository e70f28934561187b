"""Closing takes drain + 10 seconds at most, whatever anybody does; meanwhile everybody has the same time."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ranvier import ConfigurationError, Layer, Pipeline
from ranvier.layers import Breaker, Deadline, Fallback, Retry
from ranvier.messages import StreamEvent
from ranvier.testing import ScriptedProvider, broken, stall, stream

pytestmark = pytest.mark.virtual_time


async def hang(*arguments: Any) -> None:
    """Until it is cancelled."""
    await asyncio.get_running_loop().create_future()


async def ignore(*arguments: Any) -> None:
    """Whatever cancels it."""
    while True:
        try:
            await hang()
        except asyncio.CancelledError:
            if asyncio.get_running_loop().time() > 1000:
                raise


async def let_go() -> None:
    """End what has ignored everything."""
    await asyncio.sleep(1000)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)


HANGING = pytest.mark.parametrize(
    ("way", "seconds"), [pytest.param(hang, 5, id="hangs"), pytest.param(ignore, 10, id="ignores")]
)
"""What is done for ever, and how long a closing takes then."""


class Cleaning(ScriptedProvider):
    """Cleans up its streams, and itself, in a way."""

    def __init__(self, script: Any, cleanup: Any = None, closing: Any = None) -> None:
        super().__init__("one", script)
        self._cleanup = cleanup
        self._closing = closing
        self.cleaned = 0
        self.closed = False

    async def stream(self, call: Any) -> AsyncGenerator[StreamEvent, None]:
        events = super().stream(call)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()
            if self._cleanup is not None:
                await self._cleanup()
            self.cleaned += 1

    async def aclose(self) -> None:
        if self._closing is not None:
            await self._closing()
        self.closed = True


def time() -> float:
    return asyncio.get_running_loop().time()


async def closed_in(pipeline: Pipeline, drain: float = 0.0) -> float:
    """Seconds that the closing takes."""
    began = time()
    await pipeline.aclose(drain)
    assert pipeline.lifecycle.state == "closed"
    with pytest.raises(ConfigurationError, match="closed"):
        pipeline.complete("Why?")
    return time() - began


@HANGING
async def test_a_listener_that_never_returns_does_not_keep_a_pipeline_open(
    way: Any, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    """It has the time that calls have; the events that it has not heard are counted as lost."""
    provider = Cleaning([broken(), "ok"])
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=0), Breaker(), listeners=[way])
    await pipeline.complete("Why?")
    await pipeline.circuits.isolate("acme", "one")
    assert await closed_in(pipeline, drain=3) == seconds
    assert provider.closed
    assert pipeline.events.dropped == 1
    assert ("an async listener" in caplog.text) == (way is ignore)
    await let_go()


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
@HANGING
async def test_a_stream_whose_cleanup_never_ends_does_not_keep_a_pipeline_open(
    way: Any, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Held, read, expired or dropped before: its provider is closed all the same."""
    provider = Cleaning(lambda call: stream("a", stall()), cleanup=way)
    pipeline = Pipeline(Deadline(20), Fallback(provider))
    held = [await pipeline.stream("Why?") for _ in range(2)]
    reading = asyncio.create_task(held[0].collect())
    await pipeline.stream("Why?")
    await asyncio.sleep(1)
    assert await closed_in(pipeline) <= seconds
    assert provider.closed
    assert ("the cleanup of a stream of one/scripted" in caplog.text) == (way is ignore)
    await let_go()
    assert reading.done()


@HANGING
async def test_a_provider_that_never_closes_is_left_behind(
    way: Any, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    """The other closes beside it."""
    first, second = Cleaning(["ok"], closing=way), Cleaning(["ok"])
    second.name = "two"
    pipeline = Pipeline(Fallback(second, first))
    await pipeline.complete("Why?")
    assert await closed_in(pipeline) == seconds
    assert (first.closed, second.closed) == (False, True)
    assert ("still running: provider one" in caplog.text) == (way is ignore)
    await let_go()


async def test_with_everything_hanging_it_takes_twice_the_grace_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A call, a stream, a listener and a provider that ignore every cancellation: the log names them."""

    class Deaf(Layer):
        async def handle(self, call: Any, inner: Any) -> Any:
            return await inner(call) if call.streaming else await ignore()

    provider = Cleaning(lambda call: stream("a", stall()), cleanup=ignore, closing=ignore)
    pipeline = Pipeline(Deaf(), Fallback(provider))
    pipeline.events.add(ignore, verbose=True)
    held = await pipeline.stream("Why?")
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    assert await closed_in(pipeline, drain=7) == 7 + 10
    for name in ("provider one", "the cleanup of a stream", "an async listener", "a call that ignores"):
        assert name in caplog.text
    assert held.ended
    await let_go()
    assert call.done()


async def test_streams_are_closed_together() -> None:
    """However many there are, their cleanups take the time of one."""

    async def slowly() -> None:
        await asyncio.sleep(1)

    provider = Cleaning(lambda call: stream("a", stall()), cleanup=slowly)
    pipeline = Pipeline(Fallback(provider), Breaker())
    held = [await pipeline.stream("Why?") for _ in range(300)]
    readers = [asyncio.create_task(each.collect()) for each in held[:100]]
    await asyncio.sleep(0)
    assert await closed_in(pipeline) == 1
    assert provider.cleaned == 300
    await asyncio.wait(readers)


async def test_a_stream_that_is_read_is_closed_after_its_read_has_ended() -> None:
    """A generator that runs cannot be closed, and this one swallows what ends it, and yields once more."""

    class Swallowing(Cleaning):
        async def stream(self, call: Any) -> AsyncGenerator[StreamEvent, None]:
            try:
                yield StreamEvent("a")
                try:
                    await hang()
                except asyncio.CancelledError:
                    await asyncio.sleep(1)
                yield StreamEvent("b")
            finally:
                self.cleaned += 1

    provider = Swallowing(["ok"])
    pipeline = Pipeline(Fallback(provider))
    answer = await pipeline.stream("Why?")
    assert (await anext(answer)).text == "a"
    reading = asyncio.create_task(anext(answer))
    await asyncio.sleep(1)
    assert await closed_in(pipeline) == 1
    assert provider.cleaned == 1
    await asyncio.wait([reading])
    reading.exception()


async def test_whoever_cancels_all_tasks_does_not_cancel_the_closing() -> None:
    """As a framework does that shuts down; what listeners had still to hear they hear."""
    heard: list[Any] = []

    async def listen(event: Any) -> None:
        await asyncio.sleep(1)
        heard.append(event)

    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Breaker(), listeners=[listen])
    for _ in range(2):
        await pipeline.circuits.isolate("acme", "one")
        await pipeline.circuits.reset("acme", "one")
    await pipeline.complete("Why?")
    await asyncio.sleep(0.5)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await pipeline.aclose()
    assert len(heard) == 3
    assert pipeline.events.dropped == 0


async def test_of_several_providers_that_cannot_be_closed_none_is_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One error is raised, and the others are logged."""

    class Failing(ScriptedProvider):
        async def aclose(self) -> None:
            raise OSError(f"{self.name} cannot close")

    pipeline = Pipeline(Fallback(Failing("one"), Failing("two")))
    await pipeline.complete("Why?")
    with caplog.at_level(logging.ERROR, "ranvier"), pytest.raises(OSError, match="one cannot close"):
        await pipeline.aclose()
    assert "provider two could not be closed: OSError" in caplog.text


async def test_a_cleanup_that_fails_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its stream has ended as it has."""

    async def fail() -> None:
        raise OSError("cannot clean up")

    provider = Cleaning(lambda call: stream("a", stall()), cleanup=fail)
    pipeline = Pipeline(Fallback(provider), Breaker())
    held = await pipeline.stream("Why?")
    assert await closed_in(pipeline) == 0
    assert held.ended
    assert "cannot clean up" in caplog.text


async def test_a_call_may_close_its_own_pipeline() -> None:
    """It does not wait for itself, nor is it cancelled."""

    class Last(Layer):
        async def handle(self, call: Any, inner: Any) -> Any:
            answer = await inner(call)
            await pipeline.aclose(drain=60)
            return answer

    pipeline = Pipeline(Last(), Fallback(ScriptedProvider("one")))
    assert (await pipeline.complete("Why?")).text == "ok"
    assert (time(), pipeline.lifecycle.state) == (0, "closed")
