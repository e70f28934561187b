"""The address of an API, as its user gives it."""

from __future__ import annotations

import re
from typing import Final

import httpx

from ranvier.errors.configuration import ConfigurationError

LARGEST_PORT: Final = 65535


def checked_url(url: str) -> str:
    """`url` as the base of an API, without a slash at its end.

    Raises:
        ConfigurationError: it is no http(s) address, or holds a password, a query or a fragment.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigurationError(f"base_url={_public(url)!r} is no address: {error}") from None
    if parsed.userinfo:
        raise ConfigurationError("base_url holds a user: put it into the headers of an http_client of yours")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise ConfigurationError(
            f"base_url={_public(url)!r}: give an address such as 'https://llm.example/v1', without a query"
        )
    if parsed.port is not None and parsed.port > LARGEST_PORT:
        raise ConfigurationError(f"base_url={_public(url)!r}: there is no port beyond {LARGEST_PORT}")
    return url.rstrip("/")


def _public(url: object) -> object:
    """What may be shown of an address: nothing that can be a password or a key in its query."""
    return re.split("[?#]", url)[0].rpartition("@")[2] if isinstance(url, str) else url
