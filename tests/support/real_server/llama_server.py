"""llama.cpp's server as the tests see it, and our adapters pointed at it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ranvier import Deployment, Layer, Pipeline
from ranvier.layers import Fallback
from ranvier.providers import Anthropic, OpenAI

KEY = "the-right-key"

CONTEXT = 131_072
"""The tokens that the model can look back at."""

Dialect = Callable[..., OpenAI | Anthropic]
"""Makes the adapter for one of the server's dialects, given a server and perhaps a key."""


class LlamaServer:
    """One server in a process of its own.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        with _killed_unless_left(process, within=60):
            self.url = process.stdout.readline().strip()
        if not self.url.startswith("http"):
            raise RuntimeError(f"llama.cpp's server did not start: exit code {process.wait()}")

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._process.kill()
        self._process.wait()

    async def busy_slots(self) -> int:
        """How many of its slots write an answer just now."""
        return sum(slot["is_processing"] for slot in (await self._told("/slots")).json())

    async def queued(self) -> int:
        """How many calls wait for a slot just now."""
        lines = (await self._told("/metrics")).text.splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("llamacpp:requests_deferred "))

    async def _told(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=20) as client:
            return await client.get(self.url + path, headers={"authorization": f"Bearer {KEY}"})

    async def until_queued(self, *, within: float = 20.0) -> None:
        """Wait until a call waits for a slot.

        Raises:
            TimeoutError: None ever did.
        """
        async with asyncio.timeout(within):
            while not await self.queued():  # noqa: ASYNC110  # because: it is another process
                await asyncio.sleep(0.01)

    async def until_busy(self, slots: int = 1, *, within: float = 20.0) -> None:
        """Wait until so many slots are busy.

        Raises:
            TimeoutError: They never were.
        """
        async with asyncio.timeout(within):
            while await self.busy_slots() < slots:  # noqa: ASYNC110  # because: it is another process
                await asyncio.sleep(0.01)

    async def until_free(self, *, within: float = 20.0) -> None:
        """Wait until no slot is busy.

        Raises:
            TimeoutError: One still is.
        """
        async with asyncio.timeout(within):
            while await self.busy_slots():  # noqa: ASYNC110  # because: it is another process
                # The server looks whether a client has left once it has waited a second for the next
                # result, and any result counts for that: asked more often, it would never look.
                await asyncio.sleep(1.2)


@contextmanager
def _killed_unless_left(process: subprocess.Popen[str], *, within: float) -> Iterator[None]:
    """Kill a process that nothing comes of, so that nobody waits for it for ever."""
    alarm = threading.Timer(within, process.kill)
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


@contextmanager
def serving(model: Path, *, context: int, slots: int) -> Iterator[LlamaServer]:
    """A server of `model` with so many slots, which share a context of so many tokens."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("serve.py")),
        str(model),
        str(context),
        str(slots),
    ]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, KEY], text=True, **pipes) as process:
        try:
            yield LlamaServer(process)
        finally:
            process.kill()


def chat_completions(server: LlamaServer, key: str = KEY) -> OpenAI:
    """Our OpenAI adapter, as one would point it at any server of that dialect."""
    return OpenAI(key, base_url=f"{server.url}/v1", name="llamacpp")


def messages(server: LlamaServer, key: str = KEY) -> Anthropic:
    """Our Anthropic adapter: llama.cpp speaks that dialect, too."""
    return Anthropic(key, base_url=server.url, name="llamacpp-messages")


def pipeline(provider: OpenAI | Anthropic, *layers: Layer) -> Pipeline:
    """A pipeline to the tiny model alone, with these layers."""
    route = Fallback(Deployment(provider, "tiny"))
    outer = [layer for layer in layers if layer.place < route.place]
    return Pipeline(*outer, route, *(layer for layer in layers if layer.place > route.place))


async def pieces(stream: Any) -> AsyncIterator[str]:
    """The pieces of text in `stream`."""
    async for event in stream:
        if event.text:
            yield event.text
