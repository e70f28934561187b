"""Calls a user's function for a token, without blocking the event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from threading import Thread
from typing import Any, Final

from ranvier.caller import shielded
from ranvier.errors.configuration import ConfigurationError

MAX_RUNNING: Final = 4
"""The most calls of one function that may be running; further ones fail at once, since the others hang."""

Outcome = tuple[object, BaseException | None]
"""What a function returned, or the error that it raised."""


class NoTokenError(Exception):
    """Why there is no token, in words of ours, which errors may show."""


class UsersFunction:
    """A function without arguments that returns a token.

    A coroutine function is called on the event loop. Any other is called in a thread of its own, because
    libraries for tokens block: a daemon, so that one that hangs does not keep the program from ending.
    Neither has a context: the token is for all calls, whichever of them needed it first.

    Attributes:
        name: What errors call it, such as `token=fetch_token`.
    """

    def __init__(self, parameter: str, function: Callable[[], Any]) -> None:
        own = getattr(function, "__qualname__", None)
        self.name = f"{parameter}={own if isinstance(own, str) else type(function).__name__}"
        _check(self.name, function)
        self._function = function
        called = getattr(type(function), "__call__", None)  # noqa: B004  # because: it may be async
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
        self._running: set[object] = set()  # those that hang too: a thread cannot be stopped

    async def call(self) -> object:
        """What it returns.

        Raises:
            NoTokenError: too many earlier calls have not returned.
        """
        if len(self._running) >= MAX_RUNNING:
            raise NoTokenError(f"{MAX_RUNNING} earlier calls of it have not returned")
        answer = self._function() if self._is_async else await self._in_thread()
        if not inspect.isawaitable(answer):
            return answer
        mark = object()
        self._running.add(mark)
        try:
            return await shielded(answer)
        finally:
            self._running.discard(mark)

    async def _in_thread(self) -> object:
        mark = object()
        self._running.add(mark)
        run = partial(_outcome, self._function, partial(self._running.discard, mark))
        try:
            ended = asyncio.get_running_loop().run_in_executor(_THREADS, run)
        except BaseException:  # no thread could be started
            self._running.discard(mark)
            raise
        answer, error = await ended
        try:
            if error is not None:
                raise error
            return answer
        finally:
            del answer, error  # the error refers to this frame: locals would complete a cycle


class _DaemonThreads(Executor):
    """Runs each function in a thread of its own, which does not keep the program from ending."""

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Start a thread."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # a thread cannot be cancelled
        run = partial(function, *given, **named)
        Thread(target=lambda: future.set_result(run()), name="ranvier-token", daemon=True).start()
        return future


_THREADS: Final = _DaemonThreads()


def _outcome(function: Callable[[], object], ended: Callable[[], object]) -> Outcome:
    try:
        return function(), None
    except BaseException as error:  # it is raised on the loop
        return None, error
    finally:
        ended()


def _check(name: str, function: object) -> None:
    """Check that `function` can be called without arguments.

    Raises:
        ConfigurationError: it cannot.
    """
    if not callable(function):
        raise ConfigurationError(f"{name}: give a function without arguments that returns a token")
    try:
        inspect.signature(function).bind()
    except ValueError:
        return  # some functions of C have no signature
    except TypeError:
        raise ConfigurationError(f"{name}: it is called without arguments, and needs some") from None
