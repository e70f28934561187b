"""The same question through each official SDK: whole and streamed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

from ranvier.providers import Anthropic, Gemini, OpenAI

KEY = "sk-simulated"
PROMPT = "Name a lake."


class Script(NamedTuple):
    """How an SDK asks.

    Attributes:
        vendor: The vendor in the simulator.
        model: The model.
        target: Makes ranvier's provider with a base URL and a name.
        ask: Asks, with a base URL, a transport and whether to stream; returns the text.
    """

    vendor: str
    model: str
    target: Callable[..., Any]
    ask: Callable[[str, Any, bool], Awaitable[str]]


async def chat(url: str, transport: Any, streamed: bool) -> str:
    """Chat completions of openai's SDK."""
    http = httpx2.AsyncClient(transport=transport, timeout=3)
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url, http_client=http, max_retries=0) as client:
        asked: dict[str, Any] = {"model": "gpt-5.2", "messages": [{"role": "user", "content": PROMPT}]}
        if not streamed:
            answer = await client.chat.completions.create(**asked)
            return answer.choices[0].message.content or ""
        chunks = await client.chat.completions.create(**asked, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])


async def responses(url: str, transport: Any, streamed: bool) -> str:
    """The Responses API of openai's SDK."""
    http = httpx2.AsyncClient(transport=transport, timeout=3)
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url, http_client=http, max_retries=0) as client:
        asked: dict[str, Any] = {"model": "gpt-5.2", "input": PROMPT, "store": False}
        if not streamed:
            return (await client.responses.create(**asked)).output_text
        events = await client.responses.create(**asked, stream=True)
        return "".join([event.delta async for event in events if event.type == "response.output_text.delta"])


async def messages(url: str, transport: Any, streamed: bool) -> str:
    """Anthropic's SDK."""
    http = httpx2.AsyncClient(transport=transport, timeout=3)
    base = url.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(
        api_key=KEY, base_url=base, http_client=http, max_retries=0
    ) as client:
        asked: dict[str, Any] = {
            "model": "claude-sonnet-5",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": PROMPT}],
        }
        if not streamed:
            answer = await client.messages.create(**asked)
            return "".join(block.text for block in answer.content if block.type == "text")
        async with client.messages.stream(**asked) as stream:
            return "".join([text async for text in stream.text_stream])


async def content(url: str, transport: Any, streamed: bool) -> str:
    """Google's SDK."""
    base, _, version = url.rpartition("/")
    async with httpx2.AsyncClient(transport=transport, timeout=3) as http:
        client = genai.Client(
            api_key=KEY,
            http_options=types.HttpOptions(base_url=base, api_version=version, httpx_async_client=http),
        )
        asked: dict[str, Any] = {"model": "gemini-3.6-flash", "contents": PROMPT}
        if not streamed:
            return (await client.aio.models.generate_content(**asked)).text or ""
        pieces = await client.aio.models.generate_content_stream(**asked)
        return "".join([piece.text or "" async for piece in pieces])


SCRIPTS = {
    "openai chat": Script("openai", "gpt-5.2", lambda **more: OpenAI(KEY, api="chat", **more), chat),
    "openai responses": Script(
        "openai", "gpt-5.2", lambda **more: OpenAI(KEY, api="responses", **more), responses
    ),
    "anthropic": Script("anthropic", "claude-sonnet-5", lambda **more: Anthropic(KEY, **more), messages),
    "google-genai": Script("gemini", "gemini-3.6-flash", lambda **more: Gemini(KEY, **more), content),
}
