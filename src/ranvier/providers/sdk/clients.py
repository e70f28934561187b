"""The providers that send their requests through an SDK's client."""

from __future__ import annotations

from typing import Any

from ranvier.providers._http.connections import Connections
from ranvier.providers.anthropic.adapter import Anthropic
from ranvier.providers.chat_completions.openai import Api, OpenAI
from ranvier.providers.gemini.adapter import Gemini
from ranvier.providers.sdk import generating
from ranvier.providers.sdk.checking import check_genai, check_posting
from ranvier.providers.sdk.engine import SdkEngine
from ranvier.providers.sdk.generating import Generating, api_of
from ranvier.providers.sdk.posting import Posting, base_url_of, http_of

MAX_CONNECTIONS = 1000
"""Maximum number of requests in flight of a client whose pool has no limit."""


class _OpenAI(OpenAI):
    """OpenAI by `openai.AsyncOpenAI`."""

    takes_access = False  # because: the address and the headers are the client's

    def __init__(self, client: Any, api: Api, name: str | None) -> None:
        super().__init__(base_url=base_url_of(client), api=api, name=name)
        self.needs_credential = False
        self._sdk = client
        self._connections = _posting(client)

    def credential(self) -> str | None:
        """The key of the client; `None` if it authenticates otherwise."""
        return api_key_of(self._sdk)

    def headers(self, key: str | None) -> dict[str, str]:
        """Without the key, which the client sends."""
        return super().headers(None)


class _Anthropic(Anthropic):
    """Anthropic by `anthropic.AsyncAnthropic`."""

    takes_access = False  # because: the address and the headers are the client's

    def __init__(self, client: Any, name: str | None) -> None:
        super().__init__(base_url=base_url_of(client), name=name)
        self.needs_credential = False
        self._sdk = client
        self._connections = _posting(client)

    def credential(self) -> str | None:
        """The key of the client; `None` if it authenticates otherwise."""
        return api_key_of(self._sdk)

    def headers(self, key: str | None) -> dict[str, str]:
        """Without the key, which the client sends."""
        return super().headers(None)


class _Gemini(Gemini):
    """Gemini by `genai.Client`."""

    takes_access = False  # because: the address and the headers are the client's

    def __init__(self, client: Any, name: str | None) -> None:
        self._api = api_of(client)
        super().__init__(base_url=generating.base_url_of(self._api), name=name)
        self.needs_credential = False
        engine = SdkEngine(self._api, generating.http_of(self._api), lambda: Generating(self._api).send)
        self._connections = Connections(engine, MAX_CONNECTIONS)

    def credential(self) -> str | None:
        """The key of the client; `None` if it authenticates otherwise."""
        return api_key_of(self._api)

    def headers(self, key: str | None) -> dict[str, str]:
        """Without the key, which the client sends."""
        return super().headers(None)

    @property
    def matches_by_order(self) -> bool:
        """True on Vertex, also at a private endpoint."""
        return bool(self._api.vertexai) or super().matches_by_order

    def path(self, model: str, streaming: bool) -> str:
        """On Vertex, models without a path are Google's; the client puts the project before it."""
        google = self._api.vertexai and "/" not in model
        return super().path(f"publishers/google/models/{model}" if google else model, streaming)


def from_openai(client: Any, *, api: Api = "auto", name: str | None = None) -> OpenAI:
    """OpenAI, or another server with its APIs, by a client of OpenAI's SDK.

    The client sends the requests: its address, key or token, headers, proxies and HTTP client apply. ranvier
    writes the requests and reads the replies, so errors, usage and repairs are those of `OpenAI`. The retries
    and time limits of the client do not apply: the layers have theirs. You close the client.

    Args:
        client: An `openai.AsyncOpenAI`, or an `AsyncAzureOpenAI`. It is not modified.
        api: See `OpenAI`.
        name: The provider name; the default is `"openai"`.

    Raises:
        ConfigurationError: the client is not asynchronous, or none of that SDK.
    """
    check_posting(client, "from_openai", "openai", "AsyncOpenAI")
    return _OpenAI(client, api, name)


def from_anthropic(client: Any, *, name: str | None = None) -> Anthropic:
    """Claude, by a client of Anthropic's SDK; what applies is said at `from_openai`.

    Args:
        client: An `anthropic.AsyncAnthropic`, or that of another cloud such as `AsyncAnthropicVertex`. It is
            not modified.
        name: The provider name; the default is `"anthropic"`.

    Raises:
        ConfigurationError: the client is not asynchronous, or none of that SDK; or it is an
            `AsyncAnthropicBedrock`, which streams in a format of its own.
    """
    check_posting(client, "from_anthropic", "anthropic", "AsyncAnthropic")
    return _Anthropic(client, name)


def from_genai(client: Any, *, name: str | None = None) -> Gemini:
    """Gemini, by the developer API or Vertex, by a client of Google's SDK; see `from_openai`.

    The requests go through the client's httpx, also if aiohttp is installed. The client is not modified.

    Args:
        client: A `genai.Client`, or its `aio`.
        name: The provider name; the default is `"gemini"`.

    Raises:
        ConfigurationError: the client is none of that SDK, or sends by an aiohttp session that you gave it.
    """
    check_genai(client)
    return _Gemini(client, name)


def _posting(client: Any) -> Connections:
    return Connections(SdkEngine(client, http_of(client), lambda: Posting(client).send), MAX_CONNECTIONS)


def api_key_of(client: Any) -> str | None:
    """The key of a client; `None` if it authenticates otherwise, which some express by a text with spaces."""
    key = getattr(client, "api_key", None)
    return key if isinstance(key, str) and key and " " not in key else None
