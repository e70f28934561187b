"""The HTTP engine over an SDK's client: the client sends the request, and we read the bytes of the reply.

So its address, credentials, headers, middleware and HTTP client apply, and its retries and readers do not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx

from ranvier.providers._http.engines import Engine
from ranvier.providers._http.httpx_engine.engine import HttpxClient
from ranvier.providers._http.httpx_engine.exchange import Exchange
from ranvier.providers._http.httpx_engine.users_client import has_connections, pool_size, view_of
from ranvier.providers._http.port import HttpClient, HttpRequest
from ranvier.providers.sdk.error_body import limits_errors
from ranvier.providers.sdk.exchange import SdkExchange, Send, before_request


class SdkEngine(Engine):
    """The engine of one SDK's client.

    Args:
        client: The SDK's client, whose users share its connection slots.
        http: Its `httpx.AsyncClient` or `httpx2.AsyncClient`.
        sender: Makes the function that sends a request through the client, once, and returns the HTTP
            response, whatever its status. It is called on the event loop that uses the client.
    """

    __slots__ = ("_http", "_sender")

    def __init__(self, client: Any, http: Any, sender: Callable[[], Send]) -> None:
        super().__init__("auto")
        self.client = client
        self._http = http
        self._sender = sender

    def make(self) -> HttpClient:
        """See `Engine.make`."""
        return _SdkHttpClient(self._http, self._sender())

    def has_connections(self) -> bool:
        """See `Engine.has_connections`."""
        return has_connections(self._http)


class _SdkHttpClient(HttpxClient):
    def __init__(self, http: Any, send: Send) -> None:
        super().__init__(library=library_of(http), pool_size=pool_size(http))
        self._owner = http
        self._send_by_sdk = send

    def _exchange(self, request: HttpRequest) -> Exchange:
        return SdkExchange(request, self._library, self._send_by_sdk)


def watched(http: Any) -> Any:
    """A copy of an SDK's HTTP client with the same pool: without cookies and redirects, with our hooks."""
    view = view_of(http)
    view.follow_redirects = False
    hooks = view.event_hooks
    view.event_hooks = {
        "request": [*hooks["request"], before_request],
        "response": [limits_errors(library_of(http)), *hooks["response"]],
    }
    return view


def library_of(http: Any) -> ModuleType:
    """The library of an HTTP client: `httpx` or `httpx2`."""
    return httpx if isinstance(http, httpx.AsyncClient) else sys.modules["httpx2"]


def response_of(error: Exception) -> Any:
    """The HTTP response with an error status that an SDK has raised as `error`; raises any other error."""
    response = getattr(error, "response", None)
    if response is None:
        raise error
    return response
