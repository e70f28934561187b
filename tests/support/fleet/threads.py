"""Event loops in threads of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any


class Thread:
    """An event loop in a thread of its own, which raises when another thread touches it.

    Attributes:
        complaints: What was reported to the loop: errors that nobody has read.
    """

    def __init__(self) -> None:
        self.complaints: list[Any] = []
        self.loop = asyncio.new_event_loop()
        self.loop.set_debug(True)
        self.loop.slow_callback_duration = 60
        self.loop.set_exception_handler(lambda loop, said: self.complaints.append(said))
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What `work` returns there."""
        return self.begin(work).result(10)

    def begin(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Begin `work` there."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def end(self) -> None:
        """Stop the loop, and close it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@contextmanager
def two_threads() -> Iterator[tuple[Thread, Thread]]:
    threads = Thread(), Thread()
    try:
        yield threads
    finally:
        for each in threads:
            each.end()
