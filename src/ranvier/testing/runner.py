"""Virtual time as a context manager, as a decorator, or for a single coroutine."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from ranvier.errors.configuration import ConfigurationError
from ranvier.testing.loop import VirtualTimeLoop

P = ParamSpec("P")
T = TypeVar("T")


class VirtualTime:
    """Runs coroutines, one after the other, on one loop whose time is virtual: `run(scenario())`.

    Attributes:
        loop: The loop. All coroutines share it, so one pipeline can be used in several of them.
    """

    def __init__(self, start: float = 0.0, *, turns: int | None = None) -> None:
        self._runner = asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start, turns=turns))
        loop = self._runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop

    def __call__(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` to completion.

        Raises:
            DeadlockError: `main` waits for something that can never happen.
            EndlessError: `main` exceeds the allowed number of loop iterations.
        """
        return self._runner.run(main)

    @property
    def now(self) -> float:
        """The virtual time, in seconds."""
        return self.loop.time()

    def jump(self, seconds: float) -> None:
        """Advance the clock without running anything, as when the machine is suspended."""
        self.loop.jump(seconds)

    def close(self) -> None:
        """Cancel the remaining tasks, and close the loop."""
        self._runner.close()


class virtual_time:  # noqa: N801  # because: it is used like a function: `with virtual_time() as run:`
    """Run code in virtual time: hours pass in milliseconds, reproducibly.

        with virtual_time() as run:
            answer = run(scenario())

        @virtual_time(seed=7)
        async def test_what_happens(): ...

    As a decorator it turns an async function into a sync one, so the test needs no plugin.

    Args:
        seed: The seed for the module `random`, which backoff and cooldowns use for jitter; its state
            is restored at the end. The same seed gives the same run.
        start: The loop's initial time, in seconds.
        turns: The most iterations of the loop before it raises an `EndlessError`; `None` means no limit.
    """

    def __init__(self, seed: int = 0, *, start: float = 0.0, turns: int | None = None) -> None:
        if callable(seed):
            raise ConfigurationError("@virtual_time takes settings: write @virtual_time()")
        self._seed = seed
        self._start = start
        self._turns = turns
        self._stack = ExitStack()

    def __enter__(self) -> VirtualTime:
        self._stack.callback(random.setstate, random.getstate())
        time = VirtualTime(self._start, turns=self._turns)
        self._stack.callback(time.close)
        random.seed(self._seed)
        return time

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self, function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
        """A sync version of `function` that runs each call in its own virtual time."""

        @functools.wraps(function)
        def in_virtual_time(*args: P.args, **named: P.kwargs) -> T:
            with virtual_time(self._seed, start=self._start, turns=self._turns) as run:
                return run(function(*args, **named))

        return in_virtual_time


def run(main: Coroutine[Any, Any, T], *, seed: int = 0, start: float = 0.0) -> T:
    """Run `main` to completion in virtual time, like `asyncio.run`.

        answer = run(scenario())

    Raises:
        DeadlockError: `main` waits for something that can never happen.
    """
    with virtual_time(seed, start=start) as in_time:
        return in_time(main)
