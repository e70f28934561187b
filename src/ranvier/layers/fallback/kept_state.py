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


def keeps_state(extra: Mapping[str, Any]) -> bool:
    """True if `extra`, or its part for one provider, has such a field that is not switched off."""
    return any(
        (name in KEPT and bool(value)) or (isinstance(value, Mapping) and keeps_state(value))
        for name, value in extra.items()
    )
