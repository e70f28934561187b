"""Inspects and copies a user's `httpx.AsyncClient` or `httpx2.AsyncClient`."""

from __future__ import annotations

import copy
import sys
from http.cookiejar import CookieJar
from typing import Any, Final

DEFAULT_POOL_SIZE: Final = 100
"""The size of httpx's default pool, assumed if a client does not show its own."""


def view_of(client: Any) -> Any:
    """A copy of the client with the same pool and hooks, but without cookies."""
    view = copy.copy(client)
    view.cookies = _NoCookies()
    kind = type(client)
    if hasattr(kind, "__del__"):  # that of an SDK's client would close the pool together with its copy
        view.__class__ = type(kind.__name__, (kind,), {"__del__": _leave_open})
    return view


def pool_size(client: Any) -> int | None:
    """The maximum number of connections of the user's client; httpx has no public attribute for it."""
    pool = getattr(getattr(client, "_transport", None), "_pool", None)
    size = getattr(pool, "_max_connections", DEFAULT_POOL_SIZE)
    return None if size is None or size >= sys.maxsize else int(size)


def has_connections(client: Any) -> bool:
    """True if the user's client has connections, which belong to the event loop that opened them."""
    transports = (getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values())
    return any(getattr(getattr(each, "_pool", None), "connections", None) for each in transports)


def _leave_open(view: Any) -> None:
    """The end of a copy: the pool belongs to the user's client."""


class _NoCookies(CookieJar):
    """Keeps no cookies: the tenants of a pipeline share a client, and must never share a cookie."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass

    def add_cookie_header(self, request: Any) -> None:
        pass
