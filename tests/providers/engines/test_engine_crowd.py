"""Many requests at once through every engine: none fails, and nothing is left of them.

`RANVIER_CROWD` says how many, and how many at once: `10000:2000`.
"""

import asyncio
import os
from typing import Any

import pytest

from support.engines.five import answered, nothing_in_flight, opened, request
from support.providers.asking import Visit

REQUESTS, AT_ONCE = map(int, os.environ.get("RANVIER_CROWD", "600:200").split(":"))
CONNECTIONS = 100
"""Of a client of the user's."""


@pytest.mark.once
async def test_a_crowd_is_answered_and_leaves_nothing(loopback: Any, kind: str) -> None:
    """Each gets the answer to its own request; then no socket, task or request is left."""

    async def echo(visit: Visit) -> None:
        await asyncio.sleep(0.001)
        await visit.answer(visit.body)

    tasks_before = len(asyncio.all_tasks())
    async with loopback(echo) as server:
        async with opened(kind, most=CONNECTIONS) as client:
            slots = asyncio.Semaphore(client.pool_size or AT_ONCE)
            numbers = iter(range(REQUESTS))

            async def caller() -> None:
                for number in numbers:
                    async with slots:
                        wanted = request(server.url, b"%d" % number)
                        assert await answered(client, wanted) == (200, b"%d" % number)

            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(caller())
            assert len(server.visits) == REQUESTS
            assert server.accepted <= AT_ONCE
            await nothing_in_flight(client)
        assert await server.settled() == 0
        assert len(asyncio.all_tasks()) == tasks_before
