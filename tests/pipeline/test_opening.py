"""A pipeline opens all of its providers, or none."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from ranvier import ConfigurationError, Layer, Pipeline
from ranvier.layers import Breaker, Fallback
from ranvier.pipeline.runtime import Runtime
from ranvier.providers import OpenAI
from ranvier.testing import ScriptedProvider


class Opened(ScriptedProvider):
    """Fails to open as often as it is told to, and is of no use until it is open."""

    def __init__(self, name: str, failures: int = 0, closing: float = 0.0) -> None:
        super().__init__(name, lambda call: "ok" if self.is_open else OSError("never opened"))
        self.failures = failures
        self.closing = closing
        self.is_open = False
        self.log: list[str] = []

    def open(self, pipeline: Pipeline) -> None:
        self.log.append("open")
        assert not self.is_open
        if self.failures:
            self.failures -= 1
            raise OSError("the vault is not up yet")
        self.is_open = True

    async def aclose(self) -> None:
        await asyncio.sleep(self.closing)
        self.log.append("close")
        self.is_open = False


async def ask(pipeline: Pipeline, way: str) -> Any:
    if way == "stream":
        return await (await pipeline.stream("Why?")).collect()
    if way == "enter":
        await pipeline.__aenter__()
    return await pipeline.complete("Why?")


WAYS = pytest.mark.parametrize("way", ["complete", "stream", "enter"])


@WAYS
async def test_a_first_open_that_fails_is_tried_again_at_the_next_call(way: str) -> None:
    """Its error is raised, what was opened before is closed, and the next call opens everything."""
    first, second = Opened("one"), Opened("two", failures=2)
    pipeline = Pipeline(Fallback(first, second), Breaker())
    for _ in range(2):
        with pytest.raises(OSError, match="not up yet"):
            await ask(pipeline, way)
        assert (pipeline.lifecycle.state, first.is_open) == ("new", False)
    assert (await ask(pipeline, way)).text == "ok"
    assert first.log == ["open", "close"] * 2 + ["open"]
    assert second.log == ["open"] * 3
    await pipeline.aclose()
    assert (first.is_open, second.is_open) == (False, False)


@pytest.mark.virtual_time
async def test_calls_that_come_while_it_is_closed_again_wait_for_that() -> None:
    """No provider is opened while it still closes."""
    first, second = Opened("one", closing=1.0), Opened("two", failures=1)
    pipeline = Pipeline(Fallback(first, second))
    calls = [asyncio.create_task(pipeline.complete("Why?")) for _ in range(3)]
    await asyncio.wait(calls)
    assert sorted(type(call.exception()).__name__ for call in calls) == ["NoneType", "NoneType", "OSError"]
    assert first.log == ["open", "close", "open"]
    await pipeline.aclose()


@pytest.mark.virtual_time
async def test_a_provider_that_hangs_as_it_is_closed_again_is_left_behind() -> None:
    """The next call does not wait for it for ever."""
    first, second = Opened("one", closing=10_000.0), Opened("two", failures=1)
    pipeline = Pipeline(Fallback(first, second))
    with pytest.raises(OSError, match="not up yet"):
        await pipeline.complete("Why?")
    assert asyncio.get_running_loop().time() <= 10


@pytest.mark.virtual_time
async def test_a_layer_that_cannot_open_keeps_the_pipeline_closed_too() -> None:
    """It is told of each opening, before the providers are."""

    class Strict(Layer):
        failures = 1

        def opened(self, pipeline: Runtime) -> None:
            self.failures -= 1
            if self.failures == 0:
                raise OSError("not now")

    provider = Opened("one")
    pipeline = Pipeline(Strict(), Fallback(provider))
    with pytest.raises(OSError, match="not now"):
        await pipeline.complete("Why?")
    assert provider.log == []
    assert (await pipeline.complete("Why?")).text == "ok"
    await pipeline.aclose()


@pytest.mark.parametrize("engine", ["aiohttp", "httpx"])
async def test_certificates_that_come_late_are_used(
    engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """A file that is missing for a moment does not leave an adapter half open."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    pipeline = Pipeline(Fallback(OpenAI("sk", base_url="http://127.0.0.1:9", engine=engine)))
    with pytest.raises(OSError, match="No such file"):
        await pipeline.complete("Why?")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Exception, match="connection failed"):
        await pipeline.complete("Why?")
    await pipeline.aclose()


async def test_a_pipeline_that_could_not_open_can_be_closed() -> None:
    """There is nothing left to close."""
    provider = Opened("one", failures=1)
    pipeline = Pipeline(Fallback(provider))
    with pytest.raises(OSError, match="not up yet"):
        await pipeline.complete("Why?")
    await pipeline.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        pipeline.complete("Why?")
    assert provider.log == ["open"]


def test_of_two_threads_that_open_a_pipeline_at_once_one_gets_it() -> None:
    """The other is told so, and no provider is opened twice."""
    provider = Opened("one")
    pipeline = Pipeline(Fallback(provider))
    start, end = Barrier(2), Barrier(2)

    async def use() -> str:
        start.wait()
        try:
            return (await pipeline.complete("Why?")).text
        except ConfigurationError as error:
            return "elsewhere" if "another event loop" in str(error) else repr(error)
        finally:
            end.wait()

    with ThreadPoolExecutor(2) as threads:
        used = [threads.submit(asyncio.run, use()) for _ in range(2)]
        assert sorted(each.result() for each in used) == ["elsewhere", "ok"]
    assert provider.log == ["open"]


class Cancelling(Layer):
    """Raises a cancellation as it is opened, once."""

    opened_before = False

    async def handle(self, call: Any, inner: Any) -> Any:
        return await inner(call)

    def opened(self, pipeline: Runtime) -> None:
        if not self.opened_before:
            self.opened_before = True
            raise asyncio.CancelledError


class CancellingProvider(Opened):
    """And a provider that does."""

    def open(self, pipeline: Pipeline) -> None:
        if not self.log:
            self.log.append("open")
            raise asyncio.CancelledError
        super().open(pipeline)


@pytest.mark.parametrize("who", ["layer", "provider"])
async def test_a_cancellation_that_an_opening_raises_is_an_error_of_its_own(who: str) -> None:
    """Nobody has cancelled the caller; the next call opens everything."""
    provider = CancellingProvider("one") if who == "provider" else Opened("one")
    pipeline = Pipeline(*((Cancelling(),) if who == "layer" else ()), Fallback(provider))
    with pytest.raises(RuntimeError, match=r"open.* raised a CancelledError") as raised:
        await pipeline.complete("Why?")
    assert isinstance(raised.value.__cause__, asyncio.CancelledError)
    assert (await pipeline.complete("Why?")).text == "ok"
    await pipeline.aclose()
