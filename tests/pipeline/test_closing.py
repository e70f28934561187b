"""Opening on first use, and closing with calls and streams in flight."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from ranvier import ConfigurationError, ConnectionFailedError, Layer, Pipeline, StreamInterruptedError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import ResponseStream
from ranvier.providers import FunctionProvider
from ranvier.testing import ScriptedProvider, after, broken, stall, stream

pytestmark = pytest.mark.virtual_time


class Connected(ScriptedProvider):
    """Remembers when it was opened and closed, and takes a second for the latter."""

    def __init__(self, name: str, script: Any = ("fine",), **more: Any) -> None:
        super().__init__(name, script, **more)
        self.log: list[Any] = []

    def open(self, pipeline: Pipeline) -> None:
        self.log.append(("open", pipeline))

    async def aclose(self) -> None:
        self.log.append("closing")
        await asyncio.sleep(1)
        self.log.append("closed")


class Broken(ScriptedProvider):
    """Cannot be closed."""

    async def aclose(self) -> None:
        raise OSError("cannot close")


def time() -> float:
    return asyncio.get_running_loop().time()


# --- opening -------------------------------------------------------------------------------------


async def test_a_pipeline_opens_with_its_first_call_and_closes_with_aclose() -> None:
    """Its providers are opened once and closed once, also one that stands behind two targets."""
    provider = Connected("one")
    pipeline = Pipeline(Fallback(provider, "one/other", "one/third"))
    assert provider.log == []
    await pipeline.complete("Why?")
    await pipeline.complete("Why?")
    assert provider.log == [("open", pipeline.stack)]
    await pipeline.aclose()
    assert provider.log[1:] == ["closing", "closed"]
    await pipeline.aclose()
    assert provider.log[1:] == ["closing", "closed"]


async def test_async_with_opens_and_closes() -> None:
    """Entering opens without a call."""
    provider = Connected("one")
    async with Pipeline(Fallback(provider)) as pipeline:
        assert provider.log == [("open", pipeline.stack)]
    assert provider.log[-1] == "closed"


async def test_a_pipeline_that_was_never_used_closes_nothing() -> None:
    """It refuses calls afterwards all the same."""
    provider = Connected("one")
    pipeline = Pipeline(Fallback(provider))
    await pipeline.aclose()
    assert provider.log == []
    with pytest.raises(ConfigurationError, match="closed"):
        pipeline.complete("Why?")


@pytest.mark.parametrize("ask", ["complete", "stream"])
async def test_a_closed_pipeline_refuses_a_call_at_once(ask: str) -> None:
    """At the call, not at the await; the message says what to do."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    async with pipeline:
        pass
    with pytest.raises(ConfigurationError, match=r"closed.*async with"):
        getattr(pipeline, ask)("Why?")


async def test_a_call_made_before_the_closing_and_awaited_after_it_is_refused() -> None:
    """Being asked for is not being in flight."""
    provider = ScriptedProvider("one")
    pipeline = Pipeline(Fallback(provider))
    async with pipeline:
        whole, streamed = pipeline.complete("Why?"), pipeline.stream("Why?")
    for late in (whole, streamed):
        with pytest.raises(ConfigurationError, match="closed"):
            await late
    assert provider.calls == []


async def test_a_closed_pipeline_can_be_entered_anew() -> None:
    """It opens its providers again, and keeps its circuits."""
    provider = Connected("one", [broken(), "fine"])
    pipeline = Pipeline(Fallback(provider), Breaker())
    async with pipeline:
        with pytest.raises(ConnectionFailedError):
            await pipeline.complete("Why?")
    async with pipeline:
        assert [circuit.failures for _, circuit in pipeline.circuits] == [1]
        await pipeline.complete("Why?")
    assert [entry if isinstance(entry, str) else entry[0] for entry in provider.log] == [
        "open",
        "closing",
        "closed",
    ] * 2
    assert pipeline.circuits.state("default", "one") == "closed"


def test_a_stream_is_not_read_on_another_event_loop() -> None:
    """Its timer would cancel whoever runs on its own; and there it can still be read."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [stream("Because.", " So.")])))

    async def begin(pipeline: Pipeline) -> ResponseStream:
        return await pipeline.stream("Why?")

    async def read(answer: ResponseStream) -> str:
        return (await anext(answer)).text

    with asyncio.Runner() as here, asyncio.Runner() as elsewhere:
        answer = here.run(begin(pipeline))
        assert here.run(read(answer)) == "Because."
        with pytest.raises(ConfigurationError, match="another event loop"):
            elsewhere.run(read(answer))
        assert here.run(read(answer)) == " So."
        here.run(answer.aclose())
        here.run(pipeline.aclose())


def test_another_event_loop_is_refused_until_the_pipeline_has_closed() -> None:
    """A pipeline belongs to the loop of its first use; after aclose() any loop may enter it."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))

    async def use_and_leave_open() -> None:
        await pipeline.complete("Why?")

    async def use_elsewhere() -> None:
        for late in (pipeline.complete("Why?"), pipeline.stream("Why?"), pipeline.aclose()):
            with pytest.raises(ConfigurationError, match="another event loop"):
                await late

    async def enter() -> str:
        async with pipeline:
            return (await pipeline.complete("Why?")).text

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(use_and_leave_open())
        second.run(use_elsewhere())
        first.run(pipeline.aclose())
        assert second.run(enter()) == "ok"


def test_another_event_loop_is_refused_in_another_thread_too() -> None:
    """Even while a task of its own loop runs; and its own loop may go on in another thread."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", ["first", "second", "third"])))

    async def ask() -> str:
        return (await pipeline.complete("Why?")).text

    with asyncio.Runner() as here, asyncio.Runner() as elsewhere, ThreadPoolExecutor(1) as thread:

        async def ask_while_it_is_asked_elsewhere() -> str:
            with pytest.raises(ConfigurationError, match="another event loop"):
                thread.submit(elsewhere.run, ask()).result()
            return await ask()

        assert here.run(ask()) == "first"
        assert here.run(ask_while_it_is_asked_elsewhere()) == "second"
        assert thread.submit(here.get_loop().run_until_complete, ask()).result() == "third"
        here.run(pipeline.aclose())


# --- closing with something in flight ------------------------------------------------------------


async def read(answer: Any, log: list[Any]) -> None:
    async with answer as entered:
        async for event in entered:
            log.append(event.text)  # noqa: PERF401  # because: what was read stays, whatever breaks it off


async def test_draining_lets_calls_and_streams_finish_and_refuses_new_ones() -> None:
    """Only when the last of them has ended are the providers closed."""
    provider = Connected("one", [after(3, "slow"), stream("a", after(4, "b")), "late"])
    pipeline = Pipeline(Fallback(provider))
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(0)
    log: list[Any] = []
    reader = asyncio.create_task(read(await pipeline.stream("Why?"), log))
    closing = asyncio.create_task(pipeline.aclose(drain=10))
    await asyncio.sleep(0.5)
    with pytest.raises(ConfigurationError, match="closed"):
        pipeline.complete("Why?")
    assert "closing" not in provider.log
    await closing
    assert time() == 4 + 1
    assert (await call).text == "slow"
    assert log == ["a", "b", ""]
    await reader


async def test_draining_waits_for_a_stream_that_is_still_being_opened() -> None:
    """A call in flight that turns into a stream is let read to its end too."""
    provider = Connected("one", [stream(after(2, "a"), after(2, "b"))])
    pipeline = Pipeline(Fallback(provider))
    log: list[Any] = []
    asking = asyncio.create_task(read(pipeline.stream("Why?"), log))
    await asyncio.sleep(1)
    await pipeline.aclose(drain=10)
    assert log == ["a", "b", ""]
    await asking


async def test_draining_nothing_takes_no_time() -> None:
    """A pipeline that is quiet closes at once."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    await pipeline.complete("Why?")
    await pipeline.aclose(drain=60)
    assert time() == 0


@pytest.mark.parametrize("drain", [0, 2])
async def test_what_is_left_after_the_drain_is_ended(drain: float) -> None:
    """A call, and a stream not yet open, get a ConfigurationError; reading a stream raises what had come."""
    provider = Connected("one", [stall(), stall(), stream("a", stall()), stream("a", stall())])
    pipeline = Pipeline(Deadline(60), Fallback(provider), Retry(), Breaker(), Timeout())
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(0)
    opening = asyncio.ensure_future(pipeline.stream("Why?"))
    await asyncio.sleep(0)
    log: list[Any] = []
    reader = asyncio.create_task(read(await pipeline.stream("Why?"), log))
    held = await pipeline.stream("Why?")
    await pipeline.aclose(drain=drain)
    assert time() == drain + 1
    for task in (call, opening):
        with pytest.raises(ConfigurationError, match="closed"):
            await task
        assert task.cancelling() == 0
    for reading in (reader, held.collect()):
        with pytest.raises(StreamInterruptedError, match="its pipeline was closed") as raised:
            await reading
        assert (raised.value.reason, raised.value.received.text) == ("closed", "a")
    assert log == ["a"]
    ((_, circuit),) = pipeline.circuits
    assert (circuit.in_flight, circuit.failures) == (0, 0)
    assert provider.in_progress == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_call_that_is_cut_off_and_cancelled_ends_cancelled() -> None:
    """A cancellation from outside wins over the closing too."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [stall()])))
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    closing = asyncio.create_task(pipeline.aclose())
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call, closing])
    assert call.cancelled()
    assert call.cancelling() == 1


@pytest.mark.parametrize("failure", [OSError("reset"), ValueError("bad cleanup")], ids=["known", "unknown"])
async def test_a_call_that_is_cut_off_says_so_whatever_its_provider_makes_of_that(failure: Exception) -> None:
    """A cleanup that raises while the closing cancels the call does not replace the outcome."""

    async def complete(call: Any) -> str:
        try:
            await asyncio.sleep(60)
        finally:
            raise failure

    pipeline = Pipeline(Fallback(FunctionProvider("one", complete)), Breaker(failure_threshold=1))
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    await pipeline.aclose()
    with pytest.raises(ConfigurationError, match="closed") as raised:
        await call
    assert raised.value.__cause__ is not None
    assert call.cancelling() == 0


async def test_the_providers_close_after_the_calls_have_cleaned_up() -> None:
    """A call that takes its time to be cut off still has its connection."""

    class Careful(Connected):
        async def complete(self, call: Any) -> Any:
            try:
                return await super().complete(call)
            finally:
                await asyncio.sleep(2)
                self.log.append("cleaned up")

    provider = Careful("one", [stall()])
    pipeline = Pipeline(Fallback(provider))
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    await pipeline.aclose()
    assert provider.log[1:] == ["cleaned up", "closing", "closed"]
    with pytest.raises(ConfigurationError):
        await call


class Deaf(Layer):
    """A user's layer that does not let itself be cancelled."""

    async def handle(self, call: Any, inner: Any) -> Any:
        while True:
            try:
                return await asyncio.shield(asyncio.sleep(1000))
            except asyncio.CancelledError:
                pass


async def test_a_call_that_does_not_end_when_it_is_cut_off_is_left_behind() -> None:
    """Closing waits five seconds for it and no longer."""
    provider = Connected("one")
    pipeline = Pipeline(Deaf(), Fallback(provider))
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    await pipeline.aclose()
    assert time() == 1 + 5 + 1
    assert provider.log[-1] == "closed"
    await asyncio.wait([call])


@pytest.mark.parametrize("moment", [0.5, 2.5, 3.5])
async def test_a_closing_that_is_cancelled_still_closes_the_providers(moment: float) -> None:
    """During the drain, the cleanup of what is cut off or the closing of a provider: all the rest closes."""

    class SlowToClose(Connected):
        async def stream(self, call: Any) -> Any:
            try:
                async for event in super().stream(call):
                    yield event
            finally:
                await asyncio.sleep(1)

    first, second = SlowToClose("one", [stream("a", stall())]), Connected("two")
    pipeline = Pipeline(Fallback(first, second))
    answer = await pipeline.stream("Why?")
    closing = asyncio.create_task(pipeline.aclose(drain=2))
    await asyncio.sleep(moment)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    assert answer.ended
    assert "closing" in first.log
    assert "closing" in second.log
    assert first.in_progress == 0
    with pytest.raises(ConfigurationError, match="closed"):
        pipeline.complete("Why?")
    async with pipeline:
        pass


async def test_two_may_close_a_pipeline_at_once() -> None:
    """Both return when it has closed, and its providers are closed once."""
    provider = Connected("one", [after(3, "slow")])
    pipeline = Pipeline(Fallback(provider))
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    first, second = asyncio.create_task(pipeline.aclose(10)), asyncio.create_task(pipeline.aclose(10))
    await asyncio.wait([second])
    assert provider.log[1:] == ["closing", "closed"]
    await first
    assert (await call).text == "slow"


async def test_a_provider_that_fails_to_close_does_not_keep_the_others_open() -> None:
    """Its error is raised in the end; the pipeline is closed all the same."""
    second = Connected("two")
    pipeline = Pipeline(Fallback(Broken("one"), second))
    await pipeline.complete("Why?")
    with pytest.raises(OSError, match="cannot close"):
        await pipeline.aclose()
    assert second.log[-1] == "closed"
    with pytest.raises(ConfigurationError, match="closed"):
        pipeline.complete("Why?")


async def test_a_cancellation_of_a_closing_is_not_hidden_by_what_fails_after_it() -> None:
    """Whoever cancels it sees it cancelled."""
    pipeline = Pipeline(Fallback(Connected("one"), Broken("two")))
    await pipeline.complete("Why?")
    closing = asyncio.create_task(pipeline.aclose())
    await asyncio.sleep(0.5)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()


async def test_anyio_knows_its_own_cancellation_of_a_closing() -> None:
    """What its scope has cancelled goes on after it, whatever failed in the closing."""
    pipeline = Pipeline(Fallback(Connected("one"), Broken("two")))
    await pipeline.complete("Why?")
    with anyio.move_on_after(0.5) as scope:
        await pipeline.aclose()
    assert scope.cancelled_caught


async def test_a_provider_that_runs_out_of_its_own_time_to_close_is_a_failure() -> None:
    """It cancels itself, and nobody else."""

    class Slow(Connected):
        async def aclose(self) -> None:
            async with asyncio.timeout(0.5):
                await super().aclose()

    pipeline = Pipeline(Fallback(Slow("one"), Connected("two")))
    await pipeline.complete("Why?")
    with pytest.raises(TimeoutError):
        await pipeline.aclose()


@pytest.mark.parametrize("drain", [-1, float("nan"), "1", None])
async def test_a_drain_that_is_no_time_is_refused(drain: Any) -> None:
    """And the pipeline stays open."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    async with pipeline:
        with pytest.raises(ConfigurationError, match="drain="):
            await pipeline.aclose(drain)
        assert (await pipeline.complete("Why?")).text == "ok"


async def test_closing_waits_for_what_goes_on_in_the_background() -> None:
    """A stream whose deadline has passed closes its connection before its provider closes."""

    class SlowToClose(Connected):
        async def stream(self, call: Any) -> Any:
            try:
                async for event in super().stream(call):
                    yield event
            finally:
                await asyncio.sleep(2)
                self.log.append("hung up")

    provider = SlowToClose("one", [stream("a", stall())])
    pipeline = Pipeline(Deadline(1), Fallback(provider))
    answer = await pipeline.stream("Why?")
    await asyncio.sleep(1.5)
    await pipeline.aclose()
    assert provider.log[1:] == ["hung up", "closing", "closed"]
    del answer
    gc.collect()


async def test_a_provider_may_be_closed_by_a_plain_function() -> None:
    """It has nothing to wait for; the others are closed as well."""
    closed: list[str] = []

    class Plain(ScriptedProvider):
        def aclose(self) -> None:  # type: ignore[override]
            closed.append(self.name)

    class Usual(ScriptedProvider):
        async def aclose(self) -> None:
            closed.append(self.name)

    async with Pipeline(Fallback(Usual("one"), Plain("two"), Usual("three"))) as pipeline:
        await pipeline.complete("Why?")
    assert sorted(closed) == ["one", "three", "two"]
