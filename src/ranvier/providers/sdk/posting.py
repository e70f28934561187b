"""Sends requests through the clients of `openai` and `anthropic`, which share their lower half."""

from __future__ import annotations

from typing import Any, Final

from ranvier.errors.provider import InvalidResponseError
from ranvier.messages.characters import mended
from ranvier.providers._http.port import HttpRequest
from ranvier.providers._reading import json
from ranvier.providers._reading.decoding import ACCEPTED
from ranvier.providers.sdk.engine import library_of, response_of, watched
from ranvier.providers.sdk.exchange import key_of, send_other_key

RAW: Final = {"X-Stainless-Raw-Response": "stream", "Accept-Encoding": ACCEPTED}
"""The header by which the SDKs' own `with_streaming_response` gets a reply that is not read yet, and what
our reader can decode."""


class Posting:
    """Sends requests by a copy of a client, which has no retries.

    Args:
        client: An asynchronous client of `openai` or `anthropic`.
    """

    def __init__(self, client: Any) -> None:
        http = http_of(client)
        self._library = library_of(http)
        self._base_url = base_url_of(client)
        self._client = client.with_options(max_retries=0, http_client=watched(http))

    async def send(self, request: HttpRequest) -> Any:
        """Send `request` and return the HTTP response, whatever its status."""
        try:
            answer = await self._client_for(key_of(request)).post(
                request.url.removeprefix(self._base_url),
                cast_to=object,
                body=json.read(request.body, mended),  # the SDK cannot write half of a surrogate pair
                options=self._options(request),
                stream=True,
            )
        except Exception as error:
            return response_of(error)
        response = getattr(answer, "http_response", None)
        if response is None:
            raise InvalidResponseError(
                f"{request.target}: a middleware of the client returned {type(answer).__name__} "
                "instead of a reply",
                **request.facts,
            )
        return response

    def _options(self, request: HttpRequest) -> dict[str, Any]:
        headers = {name: value for name, value in request.headers.items() if name != "content-type"}
        return {
            "headers": {**headers, **RAW},
            "timeout": self._library.Timeout(None, connect=request.connect),
        }

    def _client_for(self, key: Any) -> Any:
        """The client, or a copy of it with the key of the call."""
        if key is None or key == getattr(self._client, "api_key", None):
            return self._client
        send_other_key()
        return self._client.with_options(api_key=key)


def http_of(client: Any) -> Any:
    """The HTTP client of the client."""
    return client._client


def base_url_of(client: Any) -> str:
    """The base URL of the client, without a trailing slash."""
    return str(client.base_url).rstrip("/")
