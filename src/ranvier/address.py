"""Checks the base URL of an API that a user gives."""

from __future__ import annotations

import re
from typing import Final

from ranvier.errors.configuration import ConfigurationError

MAX_PORT: Final = 65535


def checked_url(url: str, name: str = "base_url") -> str:
    """`url` as the base URL of an API, without a trailing slash; `name` is the parameter.

    Raises:
        ConfigurationError: it is not an http(s) URL, or has a user, a password, a query or a fragment.
    """
    import httpx  # here, because `import ranvier` stays cheap

    if not isinstance(url, str):
        raise ConfigurationError(
            f"{name} is a {type(url).__name__}: give a URL such as 'https://llm.example/v1'"
        )
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigurationError(f"{name}={_public(url)!r:.160} is not a URL: {error}") from None
    if parsed.userinfo:
        raise ConfigurationError(f"{name} has a user: put it into headers=...")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        instead = "give a URL such as 'https://llm.example/v1', and its query in params="
        raise ConfigurationError(f"{name}={_public(url)!r:.160}: {instead}")
    if parsed.port is not None and parsed.port > MAX_PORT:
        raise ConfigurationError(f"{name}={_public(url)!r:.160}: the largest port is {MAX_PORT}")
    return url.rstrip("/")


def _public(url: str) -> str:
    """The part of a URL that may be shown: without user, password and query, which may hold a key."""
    return re.split("[?#]", url)[0].rpartition("@")[2]
