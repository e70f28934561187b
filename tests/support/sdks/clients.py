"""The clients of the official SDKs, and our providers with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import anthropic
import openai
from google import genai
from google.genai import types

from ranvier.providers import from_anthropic, from_genai, from_openai

KEY = "sk-of-the-client"


class Sdk(NamedTuple):
    """An SDK.

    Attributes:
        vendor: The vendor in the simulator.
        client: Makes a client with the base URL of the simulator, which would retry.
        provider: Makes our provider with that client.
        close: Closes a client.
    """

    vendor: str
    client: Callable[..., Any]
    provider: Callable[..., Any]
    close: Callable[[Any], Any]


def _openai(url: str, **more: Any) -> Any:
    return openai.AsyncOpenAI(**{"api_key": KEY, "base_url": url, "max_retries": 5, **more})


def _anthropic(url: str, **more: Any) -> Any:
    base = url.removesuffix("/v1")
    return anthropic.AsyncAnthropic(**{"api_key": KEY, "base_url": base, "max_retries": 5, **more})


def _genai(url: str, **more: Any) -> Any:
    base, _, version = url.rpartition("/")
    retries = types.HttpRetryOptions(attempts=5, initial_delay=0.01)
    options = types.HttpOptions(base_url=base, api_version=version, retry_options=retries, **more)
    return genai.Client(api_key=KEY, http_options=options)


async def _close_genai(client: Any) -> None:
    await client.aio.aclose()
    client.close()


SDKS = {
    "openai chat": Sdk(
        "openai",
        _openai,
        lambda client, **more: from_openai(client, api="chat", **more),
        openai.AsyncOpenAI.close,
    ),
    "openai responses": Sdk(
        "openai",
        _openai,
        lambda client, **more: from_openai(client, api="responses", **more),
        openai.AsyncOpenAI.close,
    ),
    "anthropic": Sdk("anthropic", _anthropic, from_anthropic, anthropic.AsyncAnthropic.close),
    "google-genai": Sdk("gemini", _genai, from_genai, _close_genai),
}
