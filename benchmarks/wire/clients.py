"""Everybody who asks: raw engines, our pipeline over them, and others. Each is imported where it is asked.

A client is an async context manager of a function that asks once, and returns how many pieces came.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

PROMPT = "Why does an impulse leap from node to node?"
MODEL, CLAUDE, KEY = "gpt-5.2", "claude-sonnet-5", "sk-nobody"
MESSAGES: Any = [{"role": "user", "content": PROMPT}]

PATIENCE = 60.0
"""Seconds that everybody waits: to connect takes some SDKs longer than they allow, with 500 in flight."""

Engine = Literal["auto", "aiohttp", "httpx"]
Ask = Callable[[], Awaitable[int]]
Client = Callable[[str, bool], AbstractAsyncContextManager[Ask]]


def _body(streamed: bool) -> bytes:
    return json.dumps({"model": MODEL, "messages": MESSAGES, "stream": streamed}).encode()


HEADERS = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}


@asynccontextmanager
async def raw_aiohttp(url: str, streamed: bool) -> AsyncIterator[Ask]:
    """The engine alone; a whole answer is decoded, the lines of a streamed one are counted."""
    import aiohttp
    import orjson

    body, target = _body(streamed), f"{url}/v1/chat/completions"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=10_000)) as session:

        async def ask() -> int:
            async with session.post(target, data=body, headers=HEADERS) as reply:
                if streamed:
                    return sum([chunk.count(b"data: ") async for chunk in reply.content.iter_any()])
                return len(orjson.loads(await reply.read())["choices"])

        yield ask


@asynccontextmanager
async def by_hand(url: str, streamed: bool) -> AsyncIterator[Ask]:
    """What one would write for this one wire: line by line, and nothing goes wrong. It knows streams only."""
    import aiohttp
    import orjson

    body, target = _body(streamed), f"{url}/v1/chat/completions"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=10_000)) as session:

        async def ask() -> int:
            words = []
            async with session.post(target, data=body, headers=HEADERS) as reply:
                async for line in reply.content:
                    if line.startswith(b"data: {"):
                        choices = orjson.loads(line[6:])["choices"]
                        if choices and (text := choices[0]["delta"].get("content")):
                            words.append(text)
            return len("".join(words))

        yield ask


@asynccontextmanager
async def raw_httpx(url: str, streamed: bool) -> AsyncIterator[Ask]:
    """The same, with one pool, as httpx comes."""
    import httpx

    body, target = _body(streamed), f"{url}/v1/chat/completions"
    limits = httpx.Limits(max_connections=10_000, max_keepalive_connections=10_000)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def ask() -> int:
            if streamed:
                async with client.stream("POST", target, content=body, headers=HEADERS) as reply:
                    return sum([chunk.count(b"data: ") async for chunk in reply.aiter_bytes()])
            answer = await client.post(target, content=body, headers=HEADERS)
            return len(json.loads(answer.content)["choices"])

        yield ask


def ours(
    engine: Engine, provider: str = "openai", *, gathered: bool = False, hidden: tuple[str, ...] = ()
) -> Client:
    """The whole stack over one engine; `hidden` are packages that are taken to be missing.

    A stream is read event by event, or `gathered` into the answer of a `complete()`.
    """

    @asynccontextmanager
    async def client(url: str, streamed: bool) -> AsyncIterator[Ask]:
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # because: None makes an import fail
        from ranvier import Pipeline
        from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
        from ranvier.providers import Anthropic, OpenAI

        kind, base = (OpenAI, f"{url}/v1") if provider == "openai" else (Anthropic, url)
        target = kind(KEY, base_url=base, engine=engine)
        layers = (
            Deadline(60),
            Fallback(target),
            Retry(),
            Breaker(),
            Timeout(PATIENCE, PATIENCE, PATIENCE, PATIENCE, stream_complete=streamed),
        )
        async with Pipeline(*layers) as pipeline:

            async def ask() -> int:
                if gathered or not streamed:
                    return len((await pipeline.complete(PROMPT)).text)
                async with pipeline.stream(PROMPT) as events:
                    return sum([1 async for _ in events])

            yield ask

    return client


@asynccontextmanager
async def openai_sdk(url: str, streamed: bool) -> AsyncIterator[Ask]:
    """OpenAI's own SDK, as it comes."""
    import openai

    async with openai.AsyncOpenAI(
        api_key=KEY, base_url=f"{url}/v1", max_retries=2, timeout=PATIENCE
    ) as client:

        async def ask() -> int:
            if streamed:
                stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
                return sum([1 async for _ in stream])
            return len((await client.chat.completions.create(model=MODEL, messages=MESSAGES)).choices)

        yield ask


@asynccontextmanager
async def anthropic_sdk(url: str, streamed: bool) -> AsyncIterator[Ask]:
    """Anthropic's own SDK, as it comes."""
    import anthropic

    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=2, timeout=PATIENCE) as client:
        asked: Any = {"model": CLAUDE, "max_tokens": 1000, "messages": MESSAGES}

        async def ask() -> int:
            if streamed:
                return sum([1 async for _ in await client.messages.create(**asked, stream=True)])
            return len((await client.messages.create(**asked)).content)

        yield ask


@asynccontextmanager
async def pydantic_ai(url: str, streamed: bool) -> AsyncIterator[Ask]:
    """An agent of pydantic-ai, without tools."""
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    agent = Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{url}/v1", api_key=KEY)))

    async def ask() -> int:
        if streamed:
            async with agent.run_stream(PROMPT) as result:
                return sum([1 async for _ in result.stream_text(delta=True, debounce_by=None)])
        return len((await agent.run(PROMPT)).output)

    yield ask


@asynccontextmanager
async def litellm_router(url: str, streamed: bool) -> AsyncIterator[Ask]:
    """Litellm's Router with one deployment."""
    from litellm import Router

    where = {"model": f"openai/{MODEL}", "api_base": f"{url}/v1", "api_key": KEY}
    router = Router(
        model_list=[{"model_name": "chat", "litellm_params": where}], num_retries=2, timeout=PATIENCE
    )

    async def ask() -> int:
        answer = await router.acompletion(model="chat", messages=MESSAGES, stream=streamed)
        return sum([1 async for _ in answer]) if streamed else len(answer.choices)

    yield ask


RAW, FASTEST, HTTPX, DEFAULT = "aiohttp, raw", "ranvier on aiohttp", "ranvier on httpx", "ranvier, no extra"
BY_HAND, GATHERED = "aiohttp and orjson, by hand", "ranvier on aiohttp, complete()"

CLIENTS: dict[str, Client] = {
    RAW: raw_aiohttp,
    "httpx, raw, one pool": raw_httpx,
    FASTEST: ours("aiohttp"),
    HTTPX: ours("httpx"),
    DEFAULT: ours("auto", hidden=("aiohttp", "orjson")),
    "ranvier on aiohttp, anthropic": ours("aiohttp", "anthropic"),
    BY_HAND: by_hand,
    GATHERED: ours("aiohttp", gathered=True),
    "openai SDK": openai_sdk,
    "anthropic SDK": anthropic_sdk,
    "pydantic-ai": pydantic_ai,
    "litellm Router": litellm_router,
}
PLAIN_LOOP = {DEFAULT}
"""These run on asyncio's own loop, since uvloop is an extra as well."""
