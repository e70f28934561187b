"""A small port to HTTP: one request in; a status, headers and the bytes of the body out.

Adapters see nothing but this; which engine is behind it is chosen in `_engines`. An engine adds
no cookies, follows no redirects and knows no credentials but the ones in the request. It enforces
the connect limit and no other, gives every failure as one of our errors, with the secrets taken
out, and closes the socket of a request that is cancelled.

Nothing here keeps a key or a body in a local variable of a frame that raises: tracebacks are often
logged with their locals.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final

from ranvier.errors.provider import InvalidResponseError, ProviderError
from ranvier.providers._failures.shown import MAX_CODE, masked, shown

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""The longest answer, or single event of a stream, that is held in memory."""

MAX_STREAM_BYTES: Final = 8 * MAX_BODY_BYTES
"""The longest streamed answer: there every word is wrapped in some hundred bytes."""

KEEP_ALIVE_SECONDS: Final = 20.0
"""How long an idle connection is kept."""

MAX_ERROR_BYTES: Final = 64 * 1024
"""As much of the body of a refusal is read."""

MAX_DRAINED_BYTES: Final = 64 * 1024
MAX_DRAIN_SECONDS: Final = 0.1
"""What the end of a body may cost, after all that matters has come, for the connection to be used again."""


class HttpRequest:
    """A POST, on its way to one provider.

    Attributes:
        url: Where to.
        headers: All headers, the key among them.
        body: The bytes to send.
        connect: Seconds until the connection must stand; `None` is without limit.
        provider, model: For whom, as errors tell it.
        secret: The key among the headers: it is masked wherever it comes back.
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
        secret: str | None = None,
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

    def masked(self, text: str) -> str:
        """`text` without the key."""
        return masked(text, self.secret)

    def shown(self, text: str, longest: int) -> str:
        """As much of `text` as an error may show."""
        return shown(text, longest, self.secret)

    @property
    def target(self) -> str:
        """For whom, as a person reads it."""
        return f"{self.provider}/{self.model}" if self.model else self.provider

    @property
    def facts(self) -> dict[str, Any]:
        """What an error about this request knows."""
        return {"provider": self.provider, "model": self.model}

    def __repr__(self) -> str:
        return f"<HttpRequest to {self.url}>"


class HttpReply(ABC):
    """A status and headers that have come, and a body that still may. Close it, whatever happens.

    Attributes:
        status: The HTTP status.
        headers: By their names in lower case.
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
        """What comes is an answer, by its status."""
        return 200 <= self.status < 300

    @property
    def ended(self) -> bool:
        """True where it is known that no more will come; a body that has ended need not know it yet."""
        return False

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request: Anthropic's, OpenAI's or OpenRouter's header."""
        names = ("request-id", "x-request-id", "x-generation-id")
        given = next(filter(None, map(self.headers.get, names)), None)
        return given and self.request.shown(given, MAX_CODE)

    @abstractmethod
    async def chunk(self) -> bytes:
        """The next bytes of the body, decoded; none at its end.

        Raises:
            ConnectionFailedError: the connection broke before the end.
            InvalidResponseError: the bytes are not encoded as the headers say.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else close its socket."""

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            ConnectionFailedError: the connection broke before the end.
            InvalidResponseError: it is longer than `MAX_BODY_BYTES`, or wrongly encoded.
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
        """The start of the body, enough to tell what a refusal says; empty where even that breaks."""
        with suppress(ProviderError):
            while len(self._body) < MAX_ERROR_BYTES and self._keep(await self.chunk()):
                pass
        return bytes(self._body[:MAX_ERROR_BYTES])

    async def drain(self) -> None:
        """Read what little may end the body, so that the connection can be used again; never fails."""
        left = MAX_DRAINED_BYTES
        with suppress(TimeoutError, ProviderError):
            async with asyncio.timeout(MAX_DRAIN_SECONDS):
                while left > 0 and (size := len(await self.chunk())):
                    left -= size

    def _keep(self, chunk: bytes) -> bool:
        self._body += chunk
        return bool(chunk)


class HttpClient(ABC):
    """An engine: sends requests, and keeps connections for the next.

    Attributes:
        pool_size: How many requests it takes at once; `None` is without bound.
    """

    pool_size: int | None

    @property
    @abstractmethod
    def in_flight(self) -> Collection[HttpRequest]:
        """What was sent, and has not ended: replies end when they are closed."""

    @abstractmethod
    async def send(self, request: HttpRequest) -> HttpReply:
        """Send `request` and wait for the headers of the reply. A cancellation closes the socket.

        Raises:
            AttemptTimeoutError: the connection did not stand within `request.connect` seconds.
            ConnectionFailedError: there is none, or it broke.
            ConfigurationError: the address cannot be, or the user has closed the client.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """End every request that is under way, and close every connection unless the client is the user's."""

    @abstractmethod
    async def hang_up(self) -> None:
        """Close every connection of ours: the event loop shuts down. Later requests open new ones."""

    @abstractmethod
    def abandon(self) -> None:
        """Close every connection of ours: the event loop is closed already, and runs no more."""
