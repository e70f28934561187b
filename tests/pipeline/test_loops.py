"""A pipeline at module level outlives its event loops: when one is closed, it opens on the next."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import ConfigurationError, Layer, Pipeline, RateLimitError, ServerError, StreamInterruptedError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.pipeline.runtime import Runtime
from ranvier.testing import ScriptedProvider, VirtualTimeLoop, assert_settled, broken, stall, stream

try:
    import uvloop
except ImportError:
    uvloop = None

LOOPS: list[Any] = [asyncio.new_event_loop, *([uvloop.new_event_loop] if uvloop else [])]
KINDS = pytest.mark.parametrize("kind", LOOPS, ids=["asyncio", "uvloop"][: len(LOOPS)])


def run(main: Callable[[], Any], kind: Any = asyncio.new_event_loop) -> Any:
    """Run it on a new loop, and close that as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=kind) as runner:
        return runner.run(_awaited(main))


def run_and_leave(main: Callable[[], Any], kind: Any = asyncio.new_event_loop) -> Any:
    """Run it on a new loop that is just closed, with whatever goes on there."""
    loop = kind()
    try:
        return loop.run_until_complete(_awaited(main))
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # because: it is left on purpose
        loop.close()


async def _awaited(main: Callable[[], Any]) -> Any:
    return await main()


WAYS = pytest.mark.parametrize("way", [run, run_and_leave])


# --- it opens on the next loop -------------------------------------------------------------------


@KINDS
@WAYS
def test_a_pipeline_opens_on_the_next_loop(way: Any, kind: Any) -> None:
    """However often; whole, streamed, or entered; and its circuits go on."""
    provider = ScriptedProvider("one", lambda call: stream("o", "k") if call.streaming else "ok")
    pipeline = Pipeline(Deadline(60), Fallback(provider), Retry(), Throttle(), Breaker(), Timeout())

    async def streamed() -> Any:
        return await (await pipeline.stream("Why?")).collect()

    async def entered() -> Any:
        async with pipeline:
            return await pipeline.complete("Why?")

    for ask in (lambda: pipeline.complete("Why?"), streamed, entered) * 2:
        assert way(ask, kind).text == "ok"
    assert [seen.in_flight for _, seen in pipeline.circuits] == [0]
    assert_settled(pipeline)


def test_a_pipeline_that_was_closed_on_a_loop_opens_on_the_next() -> None:
    """As where one test enters it and the next does not; on the same loop it stays closed."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))

    async def entered() -> None:
        async with pipeline:
            await pipeline.complete("Why?")
        with pytest.raises(ConfigurationError, match="closed"):
            pipeline.complete("Why?")

    run(entered)
    assert run(lambda: pipeline.complete("Why?")).text == "ok"


def test_a_pipeline_that_was_closed_before_it_was_used_stays_closed() -> None:
    """It has had no loop."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    run(pipeline.aclose)
    with pytest.raises(ConfigurationError, match="closed"):
        run(lambda: pipeline.complete("Why?"))


@WAYS
def test_what_was_in_flight_on_a_closed_loop_holds_nothing_on_the_next(way: Any) -> None:
    """Slots, permits, probes, waiting calls and looked-up keys: the next loop starts with none of them."""
    provider = ScriptedProvider("one", lambda call: stream("a", stall()) if call.streaming else "ok")
    provider.slots = asyncio.Semaphore(1)  # type: ignore[attr-defined]
    seconds = [3600.0]

    async def key_of(tenant: str, name: str) -> str:
        if tenant == "slow":
            await asyncio.sleep(seconds[0])
        return "sk"

    pipeline = Pipeline(Fallback(provider), Throttle(), Breaker(), credentials=key_of)
    held: list[Any] = []

    async def leave() -> None:
        held.append(await pipeline.stream("Why?"))
        for name in ("default", "slow"):
            held.append(asyncio.create_task(pipeline.complete("Why?", tenant=name)))  # noqa: PERF401
        await asyncio.sleep(0.01)

    way(leave)
    seconds[0] = 0.0

    async def ask() -> None:
        for name in ("default", "slow"):
            async with asyncio.timeout(1):
                assert (await pipeline.complete("Why?", tenant=name)).text == "ok"
        assert [seen.in_flight for _, seen in pipeline.circuits] == [0, 0]
        held.clear()
        gc.collect()
        await asyncio.sleep(0)
        assert [seen.in_flight for _, seen in pipeline.circuits] == [0, 0]
        assert pipeline.lifecycle.in_flight == (0, 0)
        assert not provider.slots.locked()  # type: ignore[attr-defined]

    run(ask)


def test_a_stream_of_a_closed_loop_is_neither_read_nor_closed_on_the_next() -> None:
    """Reading it says so; closing it gives up what is left of it, and changes nothing here."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [stream("a", "b"), "ok"])), Breaker())

    async def leave() -> Any:
        return await pipeline.stream("Why?")

    answer = run_and_leave(leave)

    async def read() -> None:
        await pipeline.complete("Why?")
        await answer.aclose()
        assert answer.ended

    async def read_first() -> None:
        with pytest.raises(ConfigurationError, match="another event loop"):
            await answer.collect()

    run(read_first)
    run(read)
    assert [seen.in_flight for _, seen in pipeline.circuits] == [0]


def test_a_stream_of_a_closed_loop_that_was_not_read_to_its_end_never_seems_whole() -> None:
    """Also once the pipeline has opened on the next loop: reading on raises, with what had come."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [stream("a", "b"), "ok"])))

    async def leave() -> Any:
        answer = await pipeline.stream("Why?")
        await anext(answer)
        return answer

    answer = run_and_leave(leave)

    async def read() -> None:
        await pipeline.complete("Why?")
        for _ in range(2):
            with pytest.raises(StreamInterruptedError, match="its event loop was closed") as raised:
                await anext(answer)
            assert (raised.value.reason, raised.value.received.text) == ("closed", "a")

    run(read)


# --- what is kept --------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0.0, 1000.0, 5.0])
def test_a_cooldown_goes_on_by_the_clock_of_the_next_loop(start: float) -> None:
    """Its rest is the same, whatever time it is there; a breaker may outlive its pipeline, too."""
    breaker = Breaker(failure_threshold=1, cooldown=30)
    provider = ScriptedProvider("one", [broken(), "ok"])
    pipelines = [Pipeline(Fallback(provider), breaker)] * 2 + [Pipeline(Fallback(provider), breaker)]

    async def break_it() -> None:
        with pytest.raises(Exception, match="was reset"):
            await pipelines[0].complete("Why?")
        await asyncio.sleep(10)

    run(break_it, lambda: VirtualTimeLoop(start=100.0))

    async def look(pipeline: Pipeline) -> None:
        async with pipeline:
            ((_, seen),) = breaker.circuits
            assert (seen.state, 20 <= seen.retry_after <= 26) == ("open", True)

    for pipeline in pipelines[1:]:
        run(lambda pipeline=pipeline: look(pipeline), lambda: VirtualTimeLoop(start=start))  # type: ignore[misc]

    async def wait() -> None:
        with pytest.raises(Exception, match="open"):
            await pipelines[0].complete("Why?")
        await asyncio.sleep(26)
        assert (await pipelines[0].complete("Why?")).text == "ok"

    run(wait, lambda: VirtualTimeLoop(start=start))


def test_a_probe_that_was_in_flight_gives_its_place_to_the_next_loop() -> None:
    """The circuit is half-open there, and lets a probe pass at once; the old one decides nothing any more."""
    provider = ScriptedProvider("one", [broken(), stall(), "ok", "ok"])
    pipeline = Pipeline(Fallback(provider), Breaker(failure_threshold=1, cooldown=1, success_threshold=2))
    held: list[Any] = []

    async def probe() -> None:
        with pytest.raises(Exception, match="was reset"):
            await pipeline.complete("Why?")
        await asyncio.sleep(2)
        held.append(asyncio.create_task(pipeline.complete("Why?")))
        await asyncio.sleep(1)
        assert pipeline.circuits.state("default", "one") == "half_open"

    run_and_leave(probe, VirtualTimeLoop)

    async def go_on() -> None:
        await pipeline.complete("Why?")
        assert pipeline.circuits.state("default", "one") == "half_open"
        held.clear()
        gc.collect()
        await pipeline.complete("Why?")
        ((_, seen),) = pipeline.circuits
        assert (seen.state, seen.in_flight) == ("closed", 0)

    run(go_on, VirtualTimeLoop)


@pytest.mark.parametrize("waits", [False, True])
def test_a_closed_gate_stays_closed_for_the_rest_of_its_time(waits: bool) -> None:
    """Those who waited before it are gone, and keep nobody from passing."""
    limited = RateLimitError("slow down", provider="one", retry_after=30)
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [limited, "ok"])), Throttle(max_wait=60))

    async def meet_limit() -> None:
        with pytest.raises(RateLimitError):
            await pipeline.complete("Why?")
        if waits:
            held.append(asyncio.create_task(pipeline.complete("Why?")))
        await asyncio.sleep(10)

    held: list[Any] = []
    run_and_leave(meet_limit, VirtualTimeLoop)

    async def wait() -> None:
        assert (await pipeline.complete("Why?")).text == "ok"
        assert asyncio.get_running_loop().time() == 500 + 20

    run(wait, lambda: VirtualTimeLoop(start=500))


def test_looked_up_keys_are_believed_for_the_rest_of_their_time() -> None:
    """By the clock of the next loop."""
    asked: list[str] = []

    async def key_of(tenant: str, name: str) -> str:
        asked.append(tenant)
        return "sk"

    pipeline = Pipeline(Fallback(ScriptedProvider("one", lambda call: "ok")), credentials=key_of)

    async def ask(after: float = 0.0) -> None:
        async with pipeline:
            await asyncio.sleep(after)
            await pipeline.complete("Why?")

    run(ask, lambda: VirtualTimeLoop(start=1000.0))
    run(lambda: ask(50.0), VirtualTimeLoop)
    assert len(asked) == 1
    run(lambda: ask(20.0), VirtualTimeLoop)
    assert len(asked) == 2


def test_an_operators_lock_that_was_held_on_a_closed_loop_is_free_on_the_next() -> None:
    """A lock that is contended belongs to its loop, and whoever died holding it never gives it back."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Breaker())

    async def hold() -> None:
        await pipeline.complete("Why?")
        lock = pipeline.circuits._circuits["default", "one"].lock  # type: ignore[attr-defined]
        await lock.acquire()
        held.append(asyncio.create_task(pipeline.circuits.isolate("default", "one")))
        await asyncio.sleep(0.01)

    held: list[Any] = []
    run_and_leave(hold)

    async def isolate() -> None:
        async with pipeline, asyncio.timeout(1):
            await pipeline.circuits.isolate("default", "one")

    run(isolate)
    assert pipeline.circuits.state("default", "one") == "isolated"


def test_what_async_listeners_had_not_heard_they_hear_on_the_next_loop() -> None:
    """Nothing is lost without a word."""
    heard: list[str] = []

    async def listen(event: Any) -> None:
        heard.append(event.name)

    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Breaker(), listeners=[listen])

    async def leave() -> None:
        await pipeline.complete("Why?")
        await pipeline.circuits.isolate("default", "one")

    async def go_on() -> None:
        async with pipeline:
            await pipeline.events.drain()

    run(leave)
    run(go_on)
    assert heard == ["circuit"]


def test_a_layer_of_the_users_is_told_of_each_loop() -> None:
    """So that it can make anew what belongs to one."""
    loops: list[Any] = []

    class Bulkhead(Layer):
        def opened(self, pipeline: Runtime) -> None:
            loops.append(pipeline.loop)
            self.lock = asyncio.Lock()

        async def handle(self, call: Any, inner: Any) -> Any:
            async with self.lock:
                return await inner(call)

    pipeline = Pipeline(Bulkhead(), Fallback(ScriptedProvider("one")))
    for _ in range(2):
        run(lambda: asyncio.gather(*(pipeline.complete("Why?") for _ in range(3))))
    assert len(set(map(id, loops))) == 2


# --- while the old loop lives --------------------------------------------------------------------


def test_while_its_loop_runs_another_one_is_refused_and_the_remedy_helps() -> None:
    """Closed there, as the error says, it can be entered here."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    opened, ended = threading.Event(), threading.Event()

    async def own() -> None:
        await pipeline.complete("Why?")
        opened.set()
        await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(own()))
    thread.start()
    opened.wait()

    async def elsewhere() -> None:
        for use in (pipeline.complete("Why?"), pipeline.aclose(), pipeline.__aenter__()):
            with pytest.raises(ConfigurationError, match=r"loop: close it there with.*threadsafe"):
                await use
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(pipeline.aclose(), pipeline.loop))
        async with pipeline:
            assert (await pipeline.complete("Why?")).text == "ok"

    try:
        asyncio.run(elsewhere())
    finally:
        ended.set()
        thread.join()


def test_while_its_loop_has_only_stopped_another_one_is_refused_and_the_remedy_helps() -> None:
    """It might go on at any time; once it is closed, the next loop takes over."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_awaited(lambda: pipeline.complete("Why?")))

    async def elsewhere() -> None:
        with pytest.raises(
            ConfigurationError, match=r"has stopped: close that loop with pipeline.loop.close\(\)"
        ):
            await pipeline.complete("Why?")
        pipeline.loop.close()
        assert (await pipeline.complete("Why?")).text == "ok"

    asyncio.run(elsewhere())


def test_a_pipeline_whose_loop_is_closed_can_be_closed_on_another() -> None:
    """Its providers are closed; the circuits of a breaker that others share hold nothing of it."""
    log: list[str] = []

    class Closing(ScriptedProvider):
        async def aclose(self) -> None:
            log.append("closed")

    pipeline = Pipeline(Fallback(Closing("one", [stream("a", stall())])), Breaker())

    async def leave() -> Any:
        return await pipeline.stream("Why?")

    answer = run_and_leave(leave)
    run(pipeline.aclose)
    assert (log, pipeline.lifecycle.state, answer.ended) == (["closed"], "closed", True)


def test_a_closing_that_its_loop_did_not_live_to_see_holds_up_nobody() -> None:
    """It was in flight as the loop was closed: the next loop opens the pipeline."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [stall(), "ok"])))
    held: list[Any] = []

    async def leave() -> None:
        held.append(asyncio.create_task(pipeline.complete("Why?")))
        await asyncio.sleep(0)
        held.append(asyncio.create_task(pipeline.aclose(drain=60)))
        await asyncio.sleep(0.01)
        assert pipeline.lifecycle.state == "closing"

    run_and_leave(leave)
    assert run(lambda: pipeline.complete("Why?")).text == "ok"


def test_breakers_that_live_on_two_loops_keep_what_is_in_flight_on_the_one_that_lives() -> None:
    """Two pipelines share a breaker in two threads: when one loop is closed, the calls of the other count."""
    breaker = Breaker()
    first, second = (
        Pipeline(Fallback(ScriptedProvider("one", [stream("a", stall())])), breaker) for _ in "ab"
    )
    loops = [asyncio.new_event_loop() for _ in "ab"]

    async def ask(pipeline: Pipeline) -> Any:
        return await pipeline.stream("Why?", tenant="acme")

    held = [
        loop.run_until_complete(ask(pipeline)) for loop, pipeline in zip(loops, (first, second), strict=True)
    ]
    loops[0].close()

    async def again() -> None:
        async with first:
            ((_, seen),) = breaker.circuits
            assert seen.in_flight == 1

    run(again)
    loops[1].run_until_complete(held[1].aclose())
    assert [seen.in_flight for _, seen in breaker.circuits] == [0]
    loops[1].run_until_complete(second.aclose())
    loops[1].close()


def test_errors_of_the_second_loop_are_those_of_its_own_calls() -> None:
    """Retries, waits and limits work there as on the first: no timer has stayed behind."""
    provider = ScriptedProvider("one", [ServerError("down", provider="one"), "ok", stall(), stall()])
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=1, jitter="none"), Timeout(seconds=5))

    async def retried() -> Any:
        return await pipeline.complete("Why?")

    async def timed_out() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Exception, match="attempt took more than 5 s"):
            await pipeline.complete("Why?")
        return asyncio.get_running_loop().time() - began

    assert run(retried, lambda: VirtualTimeLoop(start=90)).text == "ok"
    assert run(timed_out, VirtualTimeLoop) == 5


# --- what two pipelines on two loops share -------------------------------------------------------


def test_an_async_listener_runs_on_the_loop_of_its_pipeline() -> None:
    """Also if an operator changes a shared circuit in another thread, with a loop or without one."""
    breaker = Breaker()
    heard: list[tuple[Any, Any]] = []
    opened: list[Any] = []
    ready, done = threading.Event(), threading.Event()

    async def listen(event: Any) -> None:
        heard.append((event.after, asyncio.get_running_loop()))
        if event.after == "closed":
            done.set()

    def pipeline_with(*listeners: Any) -> Pipeline:
        return Pipeline(Fallback(ScriptedProvider("one")), breaker, listeners=listeners)

    async def serve() -> None:
        async with pipeline_with(listen) as pipeline:
            await pipeline.complete("Why?", tenant="acme")
            opened.append(asyncio.get_running_loop())
            ready.set()
            await asyncio.to_thread(done.wait, 10)

    async def isolate() -> None:
        async with pipeline_with() as pipeline:
            await pipeline.circuits.isolate("acme", "one")

    thread = threading.Thread(target=lambda: run(serve))
    thread.start()
    assert ready.wait(10)
    run(isolate)
    with pytest.raises(StopIteration):  # a coroutine that does not wait needs no loop
        breaker.circuits.reset("acme", "one").send(None)
    thread.join()
    assert heard == [("isolated", opened[0]), ("closed", opened[0])]
