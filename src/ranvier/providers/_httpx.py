"""The engine behind the port: httpx.

It is the one module that knows how httpx behaves: where it would keep cookies, and what its
exceptions carry.
"""

from __future__ import annotations

import copy
import sys
from contextlib import suppress
from http.cookiejar import CookieJar
from typing import Any, Final

import httpx

from ranvier.errors import (
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidResponseError,
)
from ranvier.providers._http import HttpReply, HttpRequest

DEFAULT_POOL_SIZE: Final = 100
"""The size of httpx's own pool, where a client of the user's does not tell."""

KEEP_ALIVE_SECONDS: Final = 20.0
"""How long an idle connection is kept."""


class HttpClient:
    """Sends requests through httpx; `pool_size` is how many at once, `None` is without bound."""

    def __init__(self, client: httpx.AsyncClient, pool_size: int | None = None) -> None:
        self.pool_size = pool_size
        self._client = client
        self._owner: httpx.AsyncClient | None = None  # the user's client, which only the user closes

    @classmethod
    def ours(cls) -> HttpClient:
        """A client of our own. Its pool is unbounded, since requests wait for a slot before it."""
        limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_ALIVE_SECONDS
        )
        return cls(
            httpx.AsyncClient(
                verify=httpx.create_ssl_context(),
                headers={"user-agent": "ranvier"},
                cookies=_NoCookies(),
                limits=limits,
            )
        )

    @classmethod
    def of_user(cls, client: httpx.AsyncClient) -> HttpClient:
        """The user's client, its pool and hooks, seen through a copy with a cookie jar of its own."""
        view = copy.copy(client)
        view.cookies = _NoCookies()
        shared = cls(view, _pool_size(client))
        shared._owner = client
        return shared

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send `request` and wait for the headers of the reply. A cancellation closes the socket.

        Raises:
            AttemptTimeoutError: the connection did not stand within `request.connect` seconds.
            ConnectionFailedError: there is none, or it broke.
            ConfigurationError: the address cannot be, or the user has closed the client.
        """
        if self._owner is not None and self._owner.is_closed:
            raise ConfigurationError("http_client was closed: keep it open as long as a pipeline uses it")
        try:
            built = self._client.build_request(
                "POST",
                request.url,
                headers=request.headers,
                content=request.body,
                timeout=httpx.Timeout(None, connect=request.connect),
            )
            response = await self._client.send(built, stream=True, auth=None, follow_redirects=False)
        except BaseException as error:
            failure = _as_ours(error, request)
        else:
            return _HttpxReply(request, response)
        raise failure

    async def aclose(self) -> None:
        """Close every connection, unless the client is the user's."""
        if self._owner is None:
            await self._client.aclose()


class _HttpxReply(HttpReply):
    def __init__(self, request: HttpRequest, response: httpx.Response) -> None:
        super().__init__(request, response.status_code, dict(response.headers))
        self._response = response
        self._chunks = response.aiter_bytes()

    async def chunk(self) -> bytes:
        try:
            return await anext(self._chunks, b"")
        except BaseException as error:
            failure = _as_ours(error, self.request)
        raise failure

    async def aclose(self) -> None:
        with suppress(httpx.HTTPError, OSError):  # what cannot be closed is gone already
            await self._chunks.aclose()  # type: ignore[attr-defined]  # because: it is a generator
            await self._response.aclose()


class _NoCookies(CookieJar):
    """Keeps nothing: the tenants of a pipeline share a client, and must never share a cookie."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass

    def add_cookie_header(self, request: Any) -> None:
        pass


def checked_url(url: str) -> str:
    """`url` as the base of an API, without a slash at its end.

    Raises:
        ConfigurationError: it is no http(s) address, or holds a password, a query or a fragment.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigurationError(f"base_url={url!r} is no address: {error}") from None
    if parsed.userinfo:
        raise ConfigurationError("base_url holds a user: put it into the headers of an http_client of yours")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise ConfigurationError(f"base_url={url!r}: give an address such as 'https://llm.example/v1'")
    return url.rstrip("/")


def _pool_size(client: httpx.AsyncClient) -> int | None:
    """How many connections the user's client opens at most; httpx has no public word for it."""
    pool = getattr(getattr(client, "_transport", None), "_pool", None)
    size = getattr(pool, "_max_connections", DEFAULT_POOL_SIZE)
    return None if size is None or size >= sys.maxsize else int(size)


def _as_ours(error: BaseException, request: HttpRequest) -> BaseException:
    """The error of ours for one of httpx's, which becomes its cause; any other as it is."""
    failure: BaseException
    if isinstance(error, httpx.ConnectTimeout):
        limit = "" if request.connect is None else f" within {request.connect:g} s"
        reason = f"no connection to {request.url}{limit}"
        failure = AttemptTimeoutError(reason, phase="connect", **request.facts)
    elif isinstance(error, httpx.DecodingError):
        failure = InvalidResponseError("the body is not encoded as its headers say", **request.facts)
    elif isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        failure = ConfigurationError(f"{request.url} is no address: {error}")
    elif isinstance(error, (httpx.HTTPError, httpx.StreamError, OSError)):
        reason = str(error) or type(error).__name__
        failure = ConnectionFailedError(f"the connection to {request.url} failed: {reason}", **request.facts)
    elif isinstance(error, Exception):
        return error  # of a hook or transport of the user's
    else:
        return _without_secrets(error)  # a cancellation, say
    failure.__cause__ = _without_secrets(error)
    return failure


def _without_secrets(error: BaseException) -> BaseException:
    """`error` and all behind it, without tracebacks and requests: both lead to the headers and the key."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        link.__traceback__ = None
        if isinstance(link, httpx.RequestError):
            link.request = httpx.Request("POST", "https://stripped.invalid")
        pending += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            pending += link.exceptions
    return error
