"""Recognizes the requests that refer to something that only one server has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

KEPT_BY_A_SERVER: Final = frozenset(
    ("previous_response_id", "conversation", "background", "cachedContent", "container", "prompt")
)
"""Fields of a request that refer to state on one server."""

IDS_OF_A_SERVER: Final = frozenset((
    *("file_id", "file_ids", "file_uri", "fileUri", "vector_store_ids"),
    *("container", "container_id", "skill_id"),
))  # fmt: skip
"""Fields anywhere in a request with the id of something on one server, or with a list of them."""

OF_THE_USER: Final = frozenset(("args", "arguments", "response"))
"""Fields with the arguments and the result of a tool call, whose names are not those of the API."""


def refers_to_a_server(fields: Mapping[str, Any]) -> bool:
    """True if a request refers to state that only one server has."""
    if any(fields.get(name) for name in KEPT_BY_A_SERVER):
        return True
    return any(_refers(each) for each in _objects(fields))


def _refers(value: Mapping[str, Any]) -> bool:
    kind = value.get("type")
    if kind == "item_reference" or (kind == "reasoning" and value.get("id")):
        return not value.get("encrypted_content")  # with it, the reasoning is in the request
    if value.get("role") == "assistant" and value.get("audio"):
        return True
    return any(isinstance(value.get(name), str | list) and value[name] for name in IDS_OF_A_SERVER)


def _objects(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects anywhere in a request, without those that its user has named."""
    left: list[object] = [fields]
    while left:
        each = left.pop()
        if isinstance(each, list):
            left.extend(each)
        elif isinstance(each, Mapping):
            yield each
            users = OF_THE_USER | {"input"} if each.get("type") == "tool_use" else OF_THE_USER
            left.extend(value for name, value in each.items() if name not in users)
