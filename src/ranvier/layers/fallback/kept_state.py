"""Requests that must not be sent twice: the provider runs tools for them, or keeps their state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ranvier.messages.wire import WireTool

if TYPE_CHECKING:
    from ranvier.messages.request import Request

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


def keeps_state(request: Request) -> bool:
    """True if `request` has a tool that the provider runs, or a field that makes it act or keep something."""
    return any(isinstance(tool, WireTool) for tool in request.tools) or _any_kept(request.extra)


def _any_kept(fields: Mapping[str, Any]) -> bool:
    """True if `fields`, or those for one provider among them, have one of `KEPT` that is not switched off."""
    return any(
        (name in KEPT and bool(value)) or (isinstance(value, Mapping) and _any_kept(value))
        for name, value in fields.items()
    )
