"""The HTTP port: takes one request, returns a status, headers and the bytes of the body.

Adapters use only this interface; `engines` chooses the engine behind it. An engine adds no cookies,
follows no redirects and has no credentials except those in the request. It enforces the connect limit and
no other, maps every failure to a ranvier error with the secrets removed, and closes the socket of a
cancelled request.

No frame that raises holds a key or a body in a local variable: tracebacks are often logged with their
locals.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

from ranvier.errors.provider import InvalidResponseError, ProviderError
from ranvier.providers._failures.shown import MAX_CODE, Secret, masked, secrets_in, shown

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Maximum size of an answer, or of a single event of a stream, which is held in memory."""

MAX_STREAM_BYTES: Final = 8 * MAX_BODY_BYTES
"""Maximum size of a streamed answer; larger because each token is wrapped in some hundred bytes."""

KEEP_ALIVE_SECONDS: Final = 20.0
"""How long an idle connection is kept open."""

MAX_ERROR_BYTES: Final = 64 * 1024
"""Maximum number of bytes read from the body of an error."""

MAX_DRAINED_BYTES: Final = 64 * 1024
MAX_DRAIN_SECONDS: Final = 0.1
"""Limits on reading the rest of a body after a complete answer, so that the connection can be reused."""

REQUEST_IDS: Final = (
    *("request-id", "x-request-id", "x-generation-id"),  # Anthropic, OpenAI, OpenRouter
    *("apim-request-id", "x-amzn-requestid", "x-log-id"),  # Azure, Bedrock, GLM
)
"""The headers that hold the provider's id of a request."""

ABORTED: Final = "the request was aborted because the client is closing"
"""The message of the error for a request in flight when its client closes."""


def request_id_in(headers: Mapping[str, str], secret: Secret = None) -> str | None:
    """The provider's id of a request, by the first of `REQUEST_IDS` that it sent; `None` without any."""
    for name in REQUEST_IDS:
        if given := headers.get(name):
            return shown(given, MAX_CODE, secret)
    return None


class HttpRequest:
    """A POST to one provider.

    Attributes:
        url: The URL.
        headers: All headers, including the key.
        body: The bytes to send.
        connect: Maximum seconds to connect; `None` means no limit.
        provider, model: The target, as shown in errors.
        secret: The key in the headers, or several values; masked wherever a reply or an error repeats them.
    """

    __slots__ = ("body", "connect", "headers", "model", "provider", "secret", "url")

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        provider: str,
        model: str | None = None,
        connect: float | None = None,
        secret: Secret = None,
    ) -> None:
        self.url = url
        self.headers = headers
        self.body = body
        self.connect = connect
        self.provider = provider
        self.model = model
        self.secret = secret

    def with_body(self, body: bytes) -> HttpRequest:
        """The same request with another body."""
        return HttpRequest(
            self.url, self.headers, body, connect=self.connect, secret=self.secret, **self.facts
        )

    def adding(self, headers: Mapping[str, str] = {}, params: Mapping[str, str] = {}) -> HttpRequest:
        """The same request with more headers and query parameters, whose values count as secrets.

        Headers, by their lower-case names, replace those of the request; its parameters are kept.
        """
        url, _, query = self.url.partition("?")
        more = {name: value for name, value in params.items() if name not in parse_qs(query)}
        parts = [*filter(None, (query, urlencode(more, quote_via=quote)))]
        return HttpRequest(
            f"{url}?{'&'.join(parts)}" if parts else url,
            {**self.headers, **headers},
            self.body,
            connect=self.connect,
            secret=secrets_in(self.secret, headers, params),
            **self.facts,
        )

    def masked(self, text: str) -> str:
        """`text` without the key."""
        return masked(text, self.secret)

    def shown(self, text: str, longest: int) -> str:
        """The part of `text` that an error may show."""
        return shown(text, longest, self.secret)

    @property
    def place(self) -> str:
        """The URL without its query, which may hold a secret."""
        return self.url.partition("?")[0]

    @property
    def target(self) -> str:
        """The provider and the model, as shown in messages."""
        return f"{self.provider}/{self.model}" if self.model else self.provider

    @property
    def facts(self) -> dict[str, Any]:
        """The attributes of an error about this request."""
        return {"provider": self.provider, "model": self.model}

    def __repr__(self) -> str:
        return f"<HttpRequest to {self.place}>"


class HttpReply(ABC):
    """A reply whose status and headers have arrived; its body may still follow. Always close it.

    Attributes:
        status: The HTTP status.
        headers: The headers, by their lower-case names.
        error_body: The provider's error in the reply, whatever its status; `None` if there is none so far.
    """

    error_body: object = None

    def __init__(self, request: HttpRequest, status: int, headers: Mapping[str, str]) -> None:
        self.request = request
        self.status = status
        self.headers = headers
        self._body = bytearray()

    @property
    def ok(self) -> bool:
        """True if the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def ended(self) -> bool:
        """True if the body is known to have ended; it may have ended without that being known yet."""
        return False

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request; `None` if it sent none."""
        return request_id_in(self.headers, self.request.secret)

    @abstractmethod
    async def chunk(self) -> bytes:
        """The next bytes of the body, decoded; empty at its end.

        Raises:
            ConnectionFailedError: the connection broke before the end.
            InvalidResponseError: the bytes are not encoded as the headers say.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Return the connection to the pool if the body was read to its end, else close its socket."""

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            ConnectionFailedError: the connection broke before the end.
            InvalidResponseError: the body is longer than `MAX_BODY_BYTES`, or wrongly encoded.
        """
        while self._keep(await self.chunk()):
            if len(self._body) > MAX_BODY_BYTES:
                raise InvalidResponseError(
                    f"{self.request.target}: the answer is longer than {MAX_BODY_BYTES} bytes",
                    status=self.status,
                    **self.request.facts,
                )
            if self.ended:
                break
        return bytes(self._body)

    async def read_start(self) -> bytes:
        """The start of the body, enough to classify an error; empty if the connection breaks before it."""
        with suppress(ProviderError):
            while len(self._body) < MAX_ERROR_BYTES and self._keep(await self.chunk()):
                pass
        return bytes(self._body[:MAX_ERROR_BYTES])

    async def drain(self) -> None:
        """Read the short rest of the body, so that the connection can be reused; never fails."""
        left = MAX_DRAINED_BYTES
        with suppress(TimeoutError, ProviderError):
            async with asyncio.timeout(MAX_DRAIN_SECONDS):
                while left > 0 and (size := len(await self.chunk())):
                    left -= size

    def _keep(self, chunk: bytes) -> bool:
        self._body += chunk
        return bool(chunk)


class HttpClient(ABC):
    """An engine: sends requests, and keeps connections open for reuse.

    Attributes:
        pool_size: Maximum number of concurrent requests; `None` means unbounded.
    """

    pool_size: int | None

    @property
    @abstractmethod
    def in_flight(self) -> Collection[HttpRequest]:
        """The requests in flight; a request ends when its reply is closed."""

    @abstractmethod
    async def send(self, request: HttpRequest) -> HttpReply:
        """Send `request` and wait for the headers of the reply. A cancellation closes the socket.

        Raises:
            AttemptTimeoutError: no connection was established within `request.connect` seconds.
            ConnectionFailedError: connecting failed, or the connection broke.
            ConfigurationError: the URL is invalid, or the user has closed the client.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Abort every request in flight, and close every connection unless the client is the user's."""

    @abstractmethod
    async def hang_up(self) -> None:
        """Close every connection of our own, as the event loop shuts down; later requests open new ones."""

    @abstractmethod
    def abandon(self) -> None:
        """Close every connection of our own, without the event loop, which is already closed."""
