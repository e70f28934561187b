"""A simulator on an event loop in a thread of its own, for tests without one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ranvier.simulator import Simulator


@contextmanager
def simulator_in_thread() -> Iterator[Simulator]:
    """It serves until the block is left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    simulator = Simulator()
    asyncio.run_coroutine_threadsafe(simulator.open(), loop).result(5)
    try:
        yield simulator
    finally:
        asyncio.run_coroutine_threadsafe(simulator.aclose(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
