"""Time that does not have to pass."""

import asyncio
import time

import pytest

from ranvier import ConnectionFailedError, DeadlineExceededError, Pipeline, clock
from ranvier.layers import Breaker, Deadline, Fallback, Retry
from ranvier.testing import DeadlockError, ScriptedProvider, VirtualTimeLoop, broken, run, stall


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


def test_a_thread_of_the_loop_is_waited_for() -> None:
    """What runs in an executor takes real time, and is no deadlock."""

    async def main() -> str:
        await asyncio.sleep(5)
        return await asyncio.to_thread(lambda: "done")

    assert run(main()) == "done"


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
