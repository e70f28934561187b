"""Requests that must not be sent twice: the provider runs tools for them, or keeps their state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEPT = frozenset(
    (
        "background",
        "cachedContent",
        "cached_content",
        "container",
        "conversation",
        "mcp_servers",
        "plugins",
        "previous_response_id",
        "store",
        "tools",
        "web_search_options",
    )
)
"""Wire fields that let a provider act or keep something, which a second request would do twice."""


def any_kept(fields: Mapping[str, Any]) -> bool:
    """True if `fields`, or those for one provider among them, have one of `KEPT` that is not switched off."""
    return any(
        (name in KEPT and bool(value)) or (isinstance(value, Mapping) and any_kept(value))
        for name, value in fields.items()
    )
