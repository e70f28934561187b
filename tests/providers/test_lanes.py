"""Connections of ours over httpx that wait for their next request."""

import asyncio
from typing import Any

import httpx
import pytest

from ranvier.providers._http.httpx_engine.pools import (
    MAX_SWEPT,
    SingleConnectionPool,
    SingleConnectionPools,
)
from ranvier.providers._http.port import KEEP_ALIVE_SECONDS

pytestmark = pytest.mark.virtual_time


class Slow:
    """A pool that takes its time to close."""

    def __init__(self) -> None:
        self.closed = False

    async def aclose(self) -> None:
        """Closed at once, and told later."""
        self.closed = True
        await asyncio.sleep(1)


def idle(number: int) -> tuple[SingleConnectionPools, list[Slow]]:
    """So many that are idle, at as many places."""
    lanes, pools = SingleConnectionPools(httpx.create_ssl_context()), [Slow() for _ in range(number)]
    for place, pool in enumerate(pools):
        transport: Any = pool
        lanes.give_back(SingleConnectionPool(f"http://{place}", transport))
    return lanes, pools


async def test_a_cancelled_closing_loses_no_connection() -> None:
    """What it did not come to is still there, and the next closing finds it."""
    lanes, pools = idle(3)
    task = asyncio.create_task(lanes.aclose())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(lanes) == 2
    await lanes.aclose()
    assert all(pool.closed for pool in pools)


async def test_a_cancelled_sweep_loses_no_connection() -> None:
    """A few are closed at a time, each on its own."""
    lanes, pools = idle(MAX_SWEPT + 2)
    await asyncio.sleep(KEEP_ALIVE_SECONDS + 1)
    task = asyncio.create_task(lanes.sweep())
    await asyncio.sleep(1.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(lanes) + sum(pool.closed for pool in pools) == len(pools)
    await lanes.sweep()
    await lanes.sweep()
    assert (len(lanes), all(pool.closed for pool in pools)) == (0, True)
