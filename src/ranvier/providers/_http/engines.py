"""Chooses the HTTP library: the fastest one installed, a named one, or that of the user's client.

A library is imported when the first pipeline that needs it opens.
"""

from __future__ import annotations

import ssl
import sys
from importlib.util import find_spec
from typing import Any, Final, Literal, get_args

from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._http import proxies
from ranvier.providers._http.httpx_engine.users_client import has_connections
from ranvier.providers._http.port import HttpClient
from ranvier.providers._http.trust import check_context, context_of

EngineName = Literal["auto", "aiohttp", "httpx"]

REMEDY: Final = "pip install 'ranvier[fast]'"


class Engine:
    """The HTTP engine of one provider.

    Args:
        name: `"auto"`, `"aiohttp"` or `"httpx"`.
        client: The user's own client, which decides the engine; `None` makes one.
        ssl_context: The user's own context for a client made here; `None` trusts what httpx trusts.

    Raises:
        ConfigurationError: the engine is unknown or not installed, `client` or `ssl_context` has the wrong
            type, or both are given.
    """

    __slots__ = ("client", "name", "ssl_context")

    def __init__(self, name: str, client: Any = None, ssl_context: ssl.SSLContext | None = None) -> None:
        if name not in get_args(EngineName):
            raise ConfigurationError(f"engine={name!r:.80}: give 'auto', 'aiohttp' or 'httpx'")
        if name == "aiohttp" and find_spec("aiohttp") is None:
            raise ConfigurationError(f"engine='aiohttp': aiohttp is not installed: {REMEDY}")
        self.name = name
        self.client = client
        self.ssl_context = ssl_context
        if client is not None:
            self._check_client(client)
        if ssl_context is not None:
            self._check_context(ssl_context)

    def chosen(self) -> str:
        """The name of the engine for a client made here; `"auto"` is resolved now."""
        if self.name != "auto":
            return self.name
        return "aiohttp" if _takes_aiohttp() else "httpx"

    def make(self) -> HttpClient:
        """A new client, or a view of the user's."""
        if (_kind(self.client) or self.chosen()) == "aiohttp":
            from ranvier.providers._http.aiohttp_engine.engine import AiohttpClient as Client
        else:
            from ranvier.providers._http.httpx_engine.engine import HttpxClient as Client  # type: ignore[assignment]
        if self.client is None:
            return Client.ours(context_of(self.ssl_context))
        return Client.of_user(self.client)

    def has_connections(self) -> bool:
        """True if the user's client has connections, which belong to the event loop that opened them."""
        return has_connections(self.client)

    def _check_client(self, client: Any) -> None:
        kind = _kind(client)
        if kind is None:
            raise ConfigurationError(
                f"http_client={client!r:.80}: give an httpx.AsyncClient, an httpx2.AsyncClient "
                "or an aiohttp.ClientSession"
            )
        if self.name not in ("auto", kind):
            raise ConfigurationError(f"engine={self.name!r} does not match http_client: give one of the two")

    def _check_context(self, context: ssl.SSLContext) -> None:
        check_context(context)
        if self.client is not None:
            raise ConfigurationError(
                "ssl_context does not apply to http_client, which has its own: give one of the two"
            )


def _kind(client: Any) -> str | None:
    """The engine of a user's client, by its class; the library of a client is already imported."""
    for library, word in (("httpx", "AsyncClient"), ("httpx2", "AsyncClient"), ("aiohttp", "ClientSession")):
        module = sys.modules.get(library)
        if module is not None and isinstance(client, getattr(module, word)):
            return "aiohttp" if library == "aiohttp" else "httpx"
    return None


def _takes_aiohttp() -> bool:
    """True if aiohttp is installed and supports the proxies of the environment."""
    try:
        import aiohttp  # noqa: F401  # because: an installed one may be broken
    except ImportError:
        return False
    return all(url.startswith(("http://", "https://")) for url in proxies.from_environment().values())
