"""The route of a request through aiohttp: direct or by a proxy."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import NamedTuple

import httpx
from yarl import URL

from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._http import proxies


class Route(NamedTuple):
    """The URL of a request, and the proxy to use."""

    url: URL
    proxy: URL | None
    headers: Mapping[str, str]
    proxy_headers: Mapping[str, str] | None


def route_to(address: str, trusts_environment: bool) -> Route:
    """The route to `address`; with `trusts_environment`, by the proxy that the environment names.

    Raises:
        ConfigurationError: aiohttp does not support that proxy.
    """
    url = httpx.URL(address)  # normalizes URLs as the other engine does
    proxy = proxies.proxy_for(url) if trusts_environment else None
    target = URL(str(url), encoded=True)
    if proxy is None:
        return Route(target, None, {}, None)
    if proxy.scheme not in ("http", "https"):
        raise ConfigurationError(f"aiohttp does not support {proxy.scheme} proxies: choose engine='httpx'")
    headers = {}
    if proxy.userinfo:
        user = f"{proxy.username}:{proxy.password}".encode()
        headers["proxy-authorization"] = f"Basic {b64encode(user).decode()}"
    proxy_url = URL(str(proxy.copy_with(username=None, password=None)), encoded=True)
    return Route(target, proxy_url, headers if url.scheme == "http" else {}, headers or None)
