"""A file may name the store."""

import asyncio
from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline
from ranvier.presets import resilient
from ranvier.providers import Stub
from ranvier.store import MemoryStore

pytestmark = pytest.mark.virtual_time

one, another = MemoryStore(), MemoryStore()
HERE = __name__


def file(store: str | None = "one") -> dict[str, Any]:
    """The content of a file."""
    named = {} if store is None else {"store": {"import": f"{HERE}:{store}"}}
    return {"layers": [{"type": "Fallback", "targets": ["stub"]}], **named}


async def test_a_file_names_the_store() -> None:
    """And each pipeline of it is a worker."""
    async with Pipeline.from_config(file(), imports=True) as pipeline:
        await pipeline.complete("Hi")
        await asyncio.sleep(0.1)
        assert repr(one) == "MemoryStore(1 workers)"
    assert repr(one) == "MemoryStore(0 workers)"


@pytest.mark.parametrize("store", ["one", None])
async def test_a_reload_keeps_the_store(store: str | None) -> None:
    """The worker stays the same."""
    async with Pipeline.from_config(file(), imports=True) as pipeline:
        await pipeline.complete("Hi")
        worker = pipeline.fleet
        await pipeline.reload(file(store))
        assert pipeline.fleet is worker
        assert (await pipeline.complete("Hi")).text


async def test_a_reload_cannot_change_the_store() -> None:
    """It says so, and the pipeline goes on as it was."""
    async with Pipeline.from_config(file(), imports=True) as pipeline:
        with pytest.raises(ConfigurationError, match="store: a reload cannot change it"):
            await pipeline.reload(file("another"))
        assert (await pipeline.complete("Hi")).text


async def test_the_recommended_stack_takes_a_store() -> None:
    """As any pipeline does."""
    async with resilient(Stub(), store=one) as pipeline:
        assert (await pipeline.complete("Hi")).text
        assert pipeline.fleet.live
    assert not pipeline.fleet.live
