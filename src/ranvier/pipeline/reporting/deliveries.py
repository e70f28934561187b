"""What async listeners have still to hear."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context

from ranvier.caller import Caller
from ranvier.pipeline.reporting.context import start_task

Listener = Callable[..., object]

Delivery = tuple[Listener, Callable[[], Awaitable[object]], Context]
"""Who is told, what returns the awaitable, and the context of the call that it is about."""


class Deliveries:
    """Awaits the answers of async listeners, one after the other, each in a task with its own context.

    One worker task does so, and only while there is something to await. Where either task is cancelled
    by somebody else, what is left is taken up again with the next delivery, or by `drain`.

    Args:
        report: Called with a listener that raised, while its error is being handled.
    """

    def __init__(self, report: Callable[[Listener], None]) -> None:
        self._report = report
        self._left: deque[Delivery] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None  # the delivery that the worker waits for
        self._begun = False  # it has
        self._loop: asyncio.AbstractEventLoop | None = None  # of both

    def __len__(self) -> int:
        """How many have not begun."""
        return len(self._left)

    @property
    def unheard(self) -> int:
        """The same and the one that is under way."""
        return len(self._left) + self._begun

    def add(self, listener: Listener, tell: Callable[[], Awaitable[object]], context: Context) -> None:
        """Await what `tell` returns for `listener`, after all others, in a copy of `context`."""
        self._left.append((listener, tell, context))
        self.resume()

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The tasks at work, as seen from the running one: none where that is one of them."""
        tasks = {task for task in (self._worker, self._hearing) if task is not None and not task.done()}
        return set() if asyncio.current_task() in tasks else tasks

    async def drain(self) -> None:
        """Wait until everything added so far has been heard; a listener never waits for itself."""
        self.resume()
        while tasks := self.tasks:
            await asyncio.wait(tasks)
            self.resume()

    def give_up(self) -> int:
        """Cancel the delivery under way, and drop the others: how many."""
        dropped = len(self._left)
        self._left.clear()
        for task in self.tasks:
            task.cancel()
        return dropped

    def start_anew(self) -> None:
        """Forget the tasks of a loop that is closed; what they had not begun is heard on the running one."""
        self._worker = self._hearing = None
        self.resume()

    def resume(self) -> None:
        """See to it that what is left is heard, also after somebody has cancelled whoever did so."""
        loop = asyncio._get_running_loop()  # none where a call ends that its own loop has left behind
        if self._left and loop is not None and (self._worker is None or self._worker.done()):
            self._loop = loop
            self._worker = start_task(self._loop, self._work(), None)

    async def _work(self) -> None:
        assert self._loop is not None
        if self._hearing is not None and not self._hearing.done():  # of a worker that was cancelled
            await asyncio.wait([self._hearing])
        while self._left:
            context = self._left[0][2]
            self._hearing = start_task(self._loop, self._heard(), context)
            try:
                await asyncio.wait([self._hearing])  # its cancellation is not ours
            except asyncio.CancelledError:
                self._hearing.cancel()
                raise
        self._worker = self._hearing = None

    async def _heard(self) -> None:
        """Take the next delivery, and not before it begins: it is not lost with a loop that ends."""
        listener, tell, _ = self._left.popleft()
        self._begun = True
        caller = Caller()
        try:
            await tell()
        except asyncio.CancelledError:
            if caller.has_cancelled:  # else it is the listener's own affair
                raise
            self._report(listener)
        except Exception:
            self._report(listener)
        finally:
            self._begun = False


class Answer:
    """What a plain function has returned to be awaited; dropped unheard, it makes no noise."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Awaitable[object]) -> None:
        self._answer = answer

    def __call__(self) -> Awaitable[object]:
        """What to await."""
        return self._answer

    def __del__(self) -> None:
        if inspect.iscoroutine(self._answer):
            self._answer.close()  # unless it has been awaited, when this does nothing


def is_async(listener: Listener) -> bool:
    """Whether to call `listener` does nothing yet: what it returns has to be awaited."""
    call = getattr(listener, "__call__", None)  # noqa: B004  # because: an object may have an async one
    return inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(call)
