"""Virtual time as a `with` block, as a decorator, or for a single coroutine."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from ranvier.testing.loop import VirtualTimeLoop

P = ParamSpec("P")
T = TypeVar("T")


class VirtualTime:
    """Runs coroutines, one after the other, on one loop whose time is virtual: `run(scenario())`.

    Attributes:
        loop: The loop. A pipeline that was used in one coroutine can be used in the next.
    """

    def __init__(self, start: float = 0.0, *, turns: int | None = None) -> None:
        self._runner = asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start, turns=turns))
        loop = self._runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop

    def __call__(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` to its end.

        Raises:
            DeadlockError: it waits for what can never happen.
            EndlessError: it takes more turns than it may.
        """
        return self._runner.run(main)

    @property
    def now(self) -> float:
        """The virtual time, in seconds."""
        return self.loop.time()

    def jump(self, seconds: float) -> None:
        """Let time pass, as when the whole machine stands still."""
        self.loop.jump(seconds)

    def close(self) -> None:
        """Cancel the tasks that are left, and close the loop."""
        self._runner.close()


class virtual_time:  # noqa: N801  # because: it is used as a word: `with virtual_time() as run:`
    """Let hours pass in milliseconds, the same way every time.

        with virtual_time() as run:
            answer = run(scenario())

        @virtual_time(seed=7)
        async def test_what_happens(): ...

    As a decorator it makes a plain function of an async one: a test that needs no plugin.

    Args:
        seed: Of the module `random`, from which backoff and cooldowns take their jitter; its state
            is put back at the end. The same seed is the same run.
        start: The time at which the loop begins, in seconds.
        turns: Turns of the loop after which it is stopped with an `EndlessError`; `None` is never.
    """

    def __init__(self, seed: int = 0, *, start: float = 0.0, turns: int | None = None) -> None:
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
        """`function` as a plain one, each call of which has a virtual time of its own."""

        @functools.wraps(function)
        def in_virtual_time(*args: P.args, **named: P.kwargs) -> T:
            with virtual_time(self._seed, start=self._start, turns=self._turns) as run:
                return run(function(*args, **named))

        return in_virtual_time


def run(main: Coroutine[Any, Any, T], *, seed: int = 0, start: float = 0.0) -> T:
    """Run `main` to its end in virtual time, like `asyncio.run`.

        answer = run(scenario())

    Raises:
        DeadlockError: it waits for what can never happen.
    """
    with virtual_time(seed, start=start) as in_time:
        return in_time(main)
