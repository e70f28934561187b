"""By which way a request of aiohttp goes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import NamedTuple

import httpx
from yarl import URL

from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._http import proxies


class Route(NamedTuple):
    """Where a request goes, and by which proxy."""

    url: URL
    proxy: URL | None
    headers: Mapping[str, str]
    proxy_headers: Mapping[str, str] | None


def route_to(address: str, trusts_environment: bool) -> Route:
    """The way to `address`, by the proxy that the environment names, if it is asked.

    Raises:
        ConfigurationError: that is none that aiohttp can use.
    """
    url = httpx.URL(address)  # it writes addresses as the other engine does
    proxy = proxies.proxy_for(url) if trusts_environment else None
    target = URL(str(url), encoded=True)
    if proxy is None:
        return Route(target, None, {}, None)
    if proxy.scheme not in ("http", "https"):
        raise ConfigurationError(f"aiohttp knows no {proxy.scheme} proxies: choose engine='httpx'")
    known = {}
    if proxy.userinfo:
        user = f"{proxy.username}:{proxy.password}".encode()
        known["proxy-authorization"] = f"Basic {b64encode(user).decode()}"
    place = URL(str(proxy.copy_with(username=None, password=None)), encoded=True)
    return Route(target, place, known if url.scheme == "http" else {}, known or None)
