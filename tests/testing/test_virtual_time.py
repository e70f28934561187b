"""Time that does not have to pass."""

import asyncio
import inspect
import itertools
import random
import time
from collections.abc import AsyncGenerator

import pytest

from ranvier import ConnectionFailedError, DeadlineExceededError, Pipeline, clock
from ranvier.layers import Breaker, Deadline, Fallback, Retry
from ranvier.testing import (
    DeadlockError,
    EndlessError,
    ScriptedProvider,
    VirtualTime,
    VirtualTimeLoop,
    after,
    broken,
    run,
    stall,
    virtual_time,
)


def test_an_hour_takes_no_time() -> None:
    """The clock jumps to the next timer when nothing else is to be done."""

    async def main() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(main()) == 3600
    assert run(main(), start=100) == 3700
    assert time.monotonic() - began < 1


def test_everything_happens_in_the_order_of_its_time() -> None:
    """Timers fire when they are due, and what is due at once fires in the order in which it was asked for."""
    log: list[tuple[str, float]] = []

    async def main() -> None:
        async def wait(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            log.append((name, asyncio.get_running_loop().time()))

        await asyncio.gather(wait("c", 3), wait("a", 1), wait("a too", 1), wait("b", 2.5))

    run(main())
    assert log == [("a", 1), ("a too", 1), ("b", 2.5), ("c", 3)]


def test_time_stands_still_while_there_is_anything_to_run() -> None:
    """A busy task does not make a timer due."""

    async def main() -> float:
        timer = asyncio.get_running_loop().call_later(1, lambda: None)
        for _ in range(1000):
            await asyncio.sleep(0)
        timer.cancel()
        return asyncio.get_running_loop().time()

    assert run(main()) == 0


def test_a_jump_makes_everything_due() -> None:
    """As when the machine was suspended: what was due meanwhile fires at once, late."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        sleeping = asyncio.create_task(asyncio.sleep(1))
        await asyncio.sleep(0)
        loop.jump(100)
        await sleeping
        return loop.time()

    assert run(main()) == 100


def test_waiting_for_what_can_never_happen_fails_at_once() -> None:
    """Instead of hanging, a test says that it would."""

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError, match="can never happen"):
        run(main())


def test_a_deadlock_names_who_waits_and_where() -> None:
    """Each task by its name, with the function it began in and the one it waits in; not more than a few."""

    async def main() -> None:
        silent = Pipeline(Fallback(ScriptedProvider("one", [stall()])))
        calls = [
            asyncio.create_task(silent.complete("Why?"), name=f"patient-asker-{number}")
            for number in range(9)
        ]
        await asyncio.gather(*calls)

    with pytest.raises(DeadlockError) as raised:
        run(main())
    lines = str(raised.value).splitlines()
    assert "main (test_virtual_time.py:" in lines[1]
    assert lines[2].startswith("  patient-asker-0 in Pipeline.")
    assert " > _now (scripted.py:" in lines[2]
    assert lines[-1] == "  and 2 more"


def test_a_deadlock_inside_a_generator_is_named_too() -> None:
    """The steps of an async generator hide it, but its place is found."""

    async def steps() -> AsyncGenerator[int, None]:
        yield await asyncio.get_running_loop().create_future()

    async def main() -> None:
        async for _ in steps():
            pass

    with pytest.raises(DeadlockError, match=r"steps \(test_virtual_time\.py:\d+\)$"):
        run(main())


@pytest.mark.lazy
def test_what_goes_on_for_ever_is_stopped_after_so_many_turns() -> None:
    """Where somebody has said how many; cleaning up may still take its turns."""
    cleaned = []

    async def main() -> None:
        try:
            for _ in itertools.count():
                await asyncio.sleep(0.5)
        finally:
            await asyncio.sleep(3)
            cleaned.append(asyncio.get_running_loop().time())

    with (
        pytest.raises(
            EndlessError, match=r"than allowed at \d+ s; most likely an endless loop:\n  Task-\d+ in .*main"
        ),
        virtual_time(turns=100) as run,
    ):
        run(main())
    assert len(cleaned) == 1


def test_a_block_runs_several_coroutines_on_one_loop() -> None:
    """Time goes on from one to the next, and so does what they share."""

    async def ask(pipeline: Pipeline) -> float:
        await pipeline.complete("Why?")
        return clock.now()

    pipeline = Pipeline(Fallback(ScriptedProvider("one", [after(5, "fine")])))
    with virtual_time(start=100) as run:
        assert isinstance(run, VirtualTime)
        assert run(ask(pipeline)) == 105
        run.jump(10)
        assert run.now == 115
        assert run(ask(pipeline)) == 120
        assert run.loop is pipeline.loop
    assert run.loop.is_closed()


def test_a_block_cancels_what_it_leaves_behind() -> None:
    """A task that nobody awaited ends with the block."""

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(1)
        return task

    with virtual_time() as run:
        task = run(main())
        assert not task.done()
    assert task.cancelled()


def test_chance_is_seeded_and_put_back() -> None:
    """What a library takes from `random` is the same each time, and nobody else's chance is touched."""
    drawn = []
    for seed in (1, 1, 2):
        before = random.getstate()
        with virtual_time(seed):
            drawn.append(random.random())
        assert random.getstate() == before
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_decorated_function_is_a_plain_one() -> None:
    """Each call has a time of its own; it keeps its name, and its arguments."""

    @virtual_time(start=7)
    async def waits(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return clock.now()

    assert (waits(3), waits(seconds=3)) == (10, 10)
    assert waits.__name__ == "waits"
    assert not inspect.iscoroutinefunction(waits)


def test_a_thread_of_the_loop_is_waited_for() -> None:
    """What runs in an executor takes real time, is no deadlock, and costs no virtual time."""

    def work() -> str:
        time.sleep(0.05)
        return "done"

    async def main() -> tuple[str, float]:
        await asyncio.sleep(5)
        async with asyncio.timeout(1):
            return await asyncio.to_thread(work), asyncio.get_running_loop().time()

    assert run(main()) == ("done", 5)


def test_a_deadlock_is_found_where_threads_have_worked() -> None:
    """Those that idle will wake nobody."""

    async def main() -> None:
        await asyncio.to_thread(time.sleep, 0.01)
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError):
        run(main())


def test_what_was_raised_or_returned_comes_out() -> None:
    """`run` is like `asyncio.run`."""

    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(fails())


def test_the_library_lives_on_the_clock_of_the_loop() -> None:
    """Deadlines, backoff and cooldowns of a whole pipeline pass in virtual time."""

    async def main() -> list[float]:
        provider = ScriptedProvider("one", [broken(), broken(), "fine", stall()])
        pipeline = Pipeline(
            Deadline(900),
            Fallback(provider),
            Retry(max_retries=1, base_delay=60, max_delay=60, jitter="none"),
            Breaker(failure_threshold=2, success_threshold=1, cooldown=600),
        )
        moments = []
        with pytest.raises(ConnectionFailedError):
            await pipeline.complete("Why?")
        moments.append(clock.now())
        await asyncio.sleep(720)
        await pipeline.complete("Why?")
        with pytest.raises(DeadlineExceededError):
            await pipeline.complete("Why?")
        return [*moments, clock.now()]

    assert run(main()) == [60, 60 + 720 + 900]


def test_it_is_the_same_every_time() -> None:
    """Two runs of one scenario do the same things at the same moments."""

    async def main() -> list[float]:
        provider = ScriptedProvider("one", [broken(), broken(), broken(), "fine"])
        pipeline = Pipeline(Fallback(provider), Retry(base_delay=1, jitter="none"))
        answers = await asyncio.gather(*(pipeline.complete("Why?") for _ in range(9)))
        return [attempt.started for answer in answers for attempt in answer.attempts]

    assert run(main()) == run(main())
