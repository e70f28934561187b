"""A client that looks and behaves like those of OpenAI's and Anthropic's SDKs, as far as ranvier uses them.

The SDKs themselves are in `nox -s sdks` only, and this one shows mistakes in every session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx


class ApiStatusError(Exception):
    """A reply with an error status."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"status {response.status_code}")
        self.response = response


class HttpClient(httpx.AsyncClient):
    """Closes itself when it is collected, as the SDKs' own do."""

    def __del__(self) -> None:
        if not self.is_closed:
            try:
                asyncio.get_running_loop().create_task(self.aclose())
            except RuntimeError:
                return


class AsyncAPIClient:
    """The lower half, which both SDKs share.

    Attributes:
        api_key: The key; empty if `token` returns one.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str = "",
        *,
        token: Callable[[], Awaitable[str]] | None = None,
        authorization: str | None = None,
        max_retries: int = 2,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.base_url = httpx.URL(base_url)
        self.api_key = api_key
        self._token = token
        self._authorization = authorization
        self._max_retries = max_retries
        self._client = http_client or HttpClient()

    def with_options(self, **changed: Any) -> Any:
        """A copy with other options."""
        options = {
            "api_key": self.api_key,
            "token": self._token,
            "authorization": self._authorization,
            "max_retries": self._max_retries,
            "http_client": self._client,
        }
        return type(self)(str(self.base_url), **{**options, **changed})

    async def post(self, path: str, *, cast_to: Any, body: Any, options: Any, stream: bool) -> Any:
        """Send a request, several times if it fails; the answer has the response."""
        for left in range(self._max_retries, -1, -1):
            request = self._client.build_request(
                "POST",
                f"{str(self.base_url).rstrip('/')}{path}",
                json=body,
                headers={**options["headers"], "authorization": await self._credential()},
            )
            response = await self._client.send(request, stream=stream)
            if response.is_success:
                return Answer(response)
            await response.aread()
            if not left:
                break
        raise ApiStatusError(response)

    async def _credential(self) -> str:
        key = self.api_key if self._token is None else await self._token()
        return self._authorization or f"Bearer {key}"

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._client.aclose()


class Answer:
    """What a request returns that asks for the raw response."""

    def __init__(self, response: httpx.Response) -> None:
        self.http_response = response


class AsyncOpenAI(AsyncAPIClient):
    """The client of OpenAI's SDK."""


for kind in (AsyncAPIClient, AsyncOpenAI):
    kind.__module__ = "openai"
