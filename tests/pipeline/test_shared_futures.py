"""A future that a user's function returns may be awaited by others: no wait of ours cancels it."""

import asyncio
from typing import Any

import pytest

from ranvier import Pipeline, ServerError
from ranvier.layers import Fallback, Retry
from ranvier.testing import ScriptedProvider

pytestmark = pytest.mark.virtual_time


def notifying(returned: Any) -> Pipeline:
    provider = ScriptedProvider("only", [ServerError("no", provider="only"), "ok"])
    return Pipeline(Fallback(provider), Retry(base_delay=0), listeners=[lambda event: returned])


async def test_a_future_that_a_listener_returns_outlives_the_pipeline() -> None:
    """Closing waits for it for a limited time, and then leaves it alone."""
    shared = asyncio.ensure_future(asyncio.sleep(60, "done"))
    pipeline = notifying(shared)
    await pipeline.complete("Why?")
    await pipeline.aclose()
    assert await shared == "done"


async def test_a_future_that_fails_is_the_failure_of_its_listener(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and no call fails."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failed.set_exception(OSError("gone"))
    pipeline = notifying(failed)
    assert (await pipeline.complete("Why?")).text == "ok"
    await pipeline.events.drain()
    assert "gone" in caplog.text
