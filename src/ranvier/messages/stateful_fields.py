"""Wire fields with side effects at the provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATEFUL_FIELDS = frozenset(
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
"""Server-side tools and stored state: a second request repeats them, and they add to what a request costs."""


def any_stateful(fields: Mapping[str, Any]) -> bool:
    """True if `fields`, or those for one provider among them, switch on one of `STATEFUL_FIELDS`."""
    return any(
        (name in STATEFUL_FIELDS and bool(value)) or (isinstance(value, Mapping) and any_stateful(value))
        for name, value in fields.items()
    )
