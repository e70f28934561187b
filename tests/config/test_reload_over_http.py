"""Reloads over real HTTP: connections stay open, and those of what is gone are closed."""

import asyncio
from typing import Any

import pytest

from ranvier import Pipeline
from ranvier.simulator import Simulator
from ranvier.testing import settled
from support.reloads import layer, route

KEY = "RANVIER_KEY_OF_A_TEST"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for the simulator."""
    monkeypatch.setenv(KEY, "sk-ours")


def given(simulator: Simulator, *names: str, **deadline: Any) -> dict[str, Any]:
    """A configuration with providers of these names at the simulator."""
    own = {"type": "openai", "api": "chat", "base_url": simulator.url("openai"), "api_key": {"env": KEY}}
    tables = {name: dict(own) for name in names}
    targets = [f"{name}/gpt-5.2" for name in names]
    return {"providers": tables, "layers": [layer("Deadline", **deadline), route(*targets)]}


async def connections(pipeline: Pipeline) -> Any:
    """The client that the first provider uses."""
    provider: Any = pipeline.stack.providers[0]
    return provider._connections.client(pipeline)


@pytest.mark.parametrize("engine", ["httpx", "aiohttp"])
async def test_connections_outlive_reloads(engine: str) -> None:
    """Also those of another provider, since they share a pool."""
    async with Simulator() as simulator:
        first = given(simulator, "one")
        first["providers"]["one"]["engine"] = engine
        async with Pipeline.from_config(first) as pipeline:
            assert (await pipeline.complete("Why?")).text
            client = await connections(pipeline)
            first["layers"][0]["seconds"] = 9
            await pipeline.reload(first)
            assert (await pipeline.complete("Why?")).text
            assert await connections(pipeline) is client
            other = given(simulator, "two", seconds=8)
            other["providers"]["two"]["engine"] = engine
            await pipeline.reload(other)
            assert (await pipeline.complete("Why?")).text
            assert await connections(pipeline) is client
            await settled(pipeline)


async def test_a_stream_in_flight_is_read_to_its_end_after_its_provider_is_gone() -> None:
    """Over its own connection."""
    async with Simulator() as simulator, Pipeline.from_config(given(simulator, "one")) as pipeline:
        async with pipeline.stream("Why?") as answer:
            first = await anext(answer)
            await pipeline.reload(given(simulator, "two"))
            await asyncio.sleep(1.2)
            texts = [first.text, *[event.text async for event in answer]]
        assert "".join(filter(None, texts)) == (await pipeline.complete("Why?")).text
