"""The same question through the clients of official SDKs that are not asynchronous."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

from support.sdks.scripts import KEY, PROMPT


def chat(url: str, transport: Any, streamed: bool) -> str:
    """Chat completions of openai's SDK."""
    http = httpx2.Client(transport=transport, timeout=3)
    with openai.OpenAI(api_key=KEY, base_url=url, http_client=http, max_retries=0) as client:
        asked: dict[str, Any] = {"model": "gpt-5.2", "messages": [{"role": "user", "content": PROMPT}]}
        if not streamed:
            return client.chat.completions.create(**asked).choices[0].message.content or ""
        chunks = client.chat.completions.create(**asked, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def responses(url: str, transport: Any, streamed: bool) -> str:
    """The Responses API of openai's SDK."""
    http = httpx2.Client(transport=transport, timeout=3)
    with openai.OpenAI(api_key=KEY, base_url=url, http_client=http, max_retries=0) as client:
        asked: dict[str, Any] = {"model": "gpt-5.2", "input": PROMPT, "store": False}
        if not streamed:
            return client.responses.create(**asked).output_text
        events = client.responses.create(**asked, stream=True)
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def messages(url: str, transport: Any, streamed: bool) -> str:
    """Anthropic's SDK."""
    http = httpx2.Client(transport=transport, timeout=3)
    base = url.removesuffix("/v1")
    with anthropic.Anthropic(api_key=KEY, base_url=base, http_client=http, max_retries=0) as client:
        asked: dict[str, Any] = {
            "model": "claude-sonnet-5",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": PROMPT}],
        }
        if not streamed:
            answer = client.messages.create(**asked)
            return "".join(block.text for block in answer.content if block.type == "text")
        with client.messages.stream(**asked) as stream:
            return "".join(stream.text_stream)


def content(url: str, transport: Any, streamed: bool) -> str:
    """Google's SDK."""
    base, _, version = url.rpartition("/")
    with httpx2.Client(transport=transport, timeout=3) as http:
        client = genai.Client(
            api_key=KEY,
            http_options=types.HttpOptions(base_url=base, api_version=version, httpx_client=http),
        )
        asked: dict[str, Any] = {"model": "gemini-3.6-flash", "contents": PROMPT}
        if not streamed:
            return client.models.generate_content(**asked).text or ""
        return "".join(piece.text or "" for piece in client.models.generate_content_stream(**asked))


SYNC_SCRIPTS: dict[str, Callable[[str, Any, bool], str]] = {
    "openai chat": chat,
    "openai responses": responses,
    "anthropic": messages,
    "google-genai": content,
}
"""By the same names as `SCRIPTS`."""
