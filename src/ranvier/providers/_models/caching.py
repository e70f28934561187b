"""Prompt caching: what each vendor is sent for the options `cache` and `cache_key`.

Most providers cache by themselves and are sent nothing. A time that a provider does not know becomes the next
shorter that it knows, or the shortest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.messages.request import LIFETIMES
from ranvier.providers._models.actions import Translated
from ranvier.providers._models.ids import starts_with

Json = dict[str, Any]

_CACHES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    # vendor, or API of its own, starts of model ids, the times that can be set, from the shortest, the field
    ("anthropic", "*", ("5m", "1h"), "cache_control"),  # S
    ("converse", "claude-3 claude-opus-4-0 claude-opus-4-1 claude-opus-4-2 claude-sonnet-4-0 "
     "claude-sonnet-4-2", ("5m",), "cachePoint"),  # P, as the next two
    ("converse", "claude", ("5m", "1h"), "cachePoint"),
    ("converse", "nova", ("5m",), "cachePoint"),
    ("openrouter", "claude", ("5m", "1h"), "cache_control"),  # S
    ("openai", "gpt-5.6 gpt-6", ("30m",), "prompt_cache_options"),  # S, D: chat completions know no other
    ("responses", "gpt-5.6 gpt-6", ("30m", "12h"), "prompt_cache_options"),  # S, D
)  # fmt: skip

_TYPES = {"cache_control": "ephemeral", "cachePoint": "default"}
"""The type of each mark for the cache."""

_KEYED = ("openai", "responses")
"""The vendors that know a key (S)."""


def cached(provider: str, model: str, given: Mapping[str, Any]) -> Translated:
    """The parameters for the `cache` and `cache_key` that are given."""
    parameters: Json = {}
    dropped: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    if (wish := given.get("cache")) not in (None, False):
        parameters, changes = _kept(provider, model, wish)
    if (key := given.get("cache_key")) is not None:
        if provider in _KEYED:
            parameters["prompt_cache_key"] = key
        else:
            dropped = ("cache_key",)
    return Translated(parameters, dropped, changes)


def _kept(provider: str, model: str, wish: Any) -> tuple[Json, tuple[tuple[str, str], ...]]:
    times, field = next(
        (row[2:] for row in _CACHES if row[0] == provider and starts_with(model, row[1])), ((), "")
    )
    if not times:
        return {}, () if wish is True else (("cache", "how long is left to the provider"),)
    time = None if wish is True else _snapped(wish, times)
    changes = (("cache", f"sent as {time}"),) if time not in (None, wish) else ()
    if field in _TYPES:
        return {field: {"type": _TYPES[field], **({"ttl": time} if time else {})}}, changes
    return {field: {"mode": "implicit", "ttl": time}} if time else {}, changes


def _snapped(wish: str, times: tuple[str, ...]) -> str:
    rank = LIFETIMES.index(wish)
    return next((time for time in reversed(times) if LIFETIMES.index(time) <= rank), times[0])
