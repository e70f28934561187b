"""Reads the proxies of the environment, by the rules of httpx, for both engines.

`HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` name the proxies. `NO_PROXY` lists the exceptions: `*`, or hosts
with their subdomains, optionally with a scheme and a port.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from urllib.request import getproxies

import httpx


def from_environment() -> dict[str, str]:
    """The proxy for each scheme, including `all`, as the environment is now."""
    found = getproxies()
    return {
        scheme: found[scheme] if "://" in found[scheme] else f"http://{found[scheme]}"
        for scheme in ("http", "https", "all")
        if found.get(scheme)
    }


def proxy_for(url: httpx.URL) -> httpx.URL | None:
    """The proxy that the environment names for a URL, if any."""
    proxies = from_environment()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    rules = (each.strip() for each in getproxies().get("no", "").split(","))
    if proxy is None or any(_matches(each, url) for each in rules if each):
        return None
    return httpx.URL(proxy)


def _matches(rule: str, url: httpx.URL) -> bool:
    """True if a rule of `NO_PROXY` applies to that URL; an invalid rule applies to none."""
    if rule == "*":
        return True
    try:
        wanted = httpx.URL(_pattern(rule))
    except httpx.InvalidURL:
        return False
    if wanted.scheme not in ("all", url.scheme) or wanted.port not in (None, url.port):
        return False
    host = wanted.host.removeprefix("*")
    if host == wanted.host or host.startswith("."):
        return url.host.endswith(host) if host.startswith(".") else url.host == host or not host
    return url.host == host or url.host.endswith(f".{host}")


def _pattern(rule: str) -> str:
    """A rule as a URL; a `*` before the host stands for its subdomains."""
    if "://" in rule:
        return rule
    with suppress(ValueError):
        address = rule.split("/")[0].strip("[]")  # curl and others also take an IPv6 address in brackets
        return f"all://[{address}]" if ipaddress.ip_address(address).version == 6 else f"all://{rule}"
    return f"all://{rule}" if rule.lower() == "localhost" else f"all://*{rule}"


def public_proxy_for(url: str) -> str | None:
    """The proxy for a URL, without user and password, for display."""
    proxy = proxy_for(httpx.URL(url))
    return None if proxy is None else f"{proxy.scheme}://{proxy.netloc.decode()}"
