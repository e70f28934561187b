"""What is known of an `httpx.AsyncClient` or `httpx2.AsyncClient` that the user has given."""

from __future__ import annotations

import copy
import sys
from http.cookiejar import CookieJar
from typing import Any, Final

DEFAULT_POOL_SIZE: Final = 100
"""The size of httpx's own pool, where a client does not tell."""


def view_of(client: Any) -> Any:
    """The client, its pool and hooks, seen through a copy that keeps no cookie."""
    view = copy.copy(client)
    view.cookies = _NoCookies()
    return view


def pool_size(client: Any) -> int | None:
    """How many connections the user's client opens at most; httpx has no public word for it."""
    pool = getattr(getattr(client, "_transport", None), "_pool", None)
    size = getattr(pool, "_max_connections", DEFAULT_POOL_SIZE)
    return None if size is None or size >= sys.maxsize else int(size)


def has_connections(client: Any) -> bool:
    """Whether the user's client keeps connections, which belong to the event loop that opened them."""
    transports = (getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values())
    return any(getattr(getattr(each, "_pool", None), "connections", None) for each in transports)


class _NoCookies(CookieJar):
    """Keeps nothing: the tenants of a pipeline share a client, and must never share a cookie."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass

    def add_cookie_header(self, request: Any) -> None:
        pass
