"""A provider that sends through an SDK's client keeps the contract that our own adapters keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import types

from ranvier.providers import from_anthropic, from_genai, from_openai
from ranvier.testing import ProviderContract

BODIES = Path(__file__).parents[1] / "data"
KEY = ProviderContract.key


class ByClient(ProviderContract):
    """The bodies of one wire."""

    folder = ""
    only_here = "Unsupported parameter: 'temperature' is not supported with this model."
    reads_other_form = True

    def __init_subclass__(cls) -> None:
        cls.whole = (BODIES / cls.folder / "answer.json").read_bytes()
        cls.streamed = (BODIES / cls.folder / "answer.stream").read_bytes()

    def client(self, url: str) -> Any:
        """The SDK's client."""
        raise NotImplementedError

    def made(self, client: Any) -> Any:
        """Our provider with that client."""
        raise NotImplementedError

    def provider(self, url: str) -> Any:
        """The provider, which closes its client, as a user would do."""
        client = self.client(url)
        provider = self.made(client)
        ended, close = provider.aclose, getattr(client, "close", None) or client.aclose

        async def aclose() -> None:
            await ended()
            await close()

        provider.aclose = aclose
        return provider


class TestOpenAI(ByClient):
    folder = "openai"
    broken_off = b'data: {"error": {"message": "no", "type": "server_error", "code": null}}\n\n'

    def client(self, url: str) -> Any:
        return openai.AsyncOpenAI(api_key=KEY, base_url=url)

    def made(self, client: Any) -> Any:
        return from_openai(client)


class TestResponses(ByClient):
    folder = "responses"
    broken_off = b'data: {"type": "error", "code": "server_error", "message": "no", "param": null}\n\n'

    def client(self, url: str) -> Any:
        return openai.AsyncOpenAI(api_key=KEY, base_url=url)

    def made(self, client: Any) -> Any:
        return from_openai(client, api="responses")


class TestAzure(ByClient):
    folder = "openai"

    def client(self, url: str) -> Any:
        return openai.AsyncAzureOpenAI(api_key=KEY, azure_endpoint=url, api_version="2026-01-01")

    def made(self, client: Any) -> Any:
        return from_openai(client)


class TestAnthropic(ByClient):
    folder = "anthropic"
    broken_off = (
        b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}\n\n'
    )

    def client(self, url: str) -> Any:
        return anthropic.AsyncAnthropic(api_key=KEY, base_url=url)

    def made(self, client: Any) -> Any:
        return from_anthropic(client)


class TestGemini(ByClient):
    folder = "gemini"
    broken_off = b'data: {"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}\n\n'

    def client(self, url: str) -> Any:
        return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url)).aio

    def made(self, client: Any) -> Any:
        return from_genai(client)
