"""Encodes a worker's recent numbers as a short JSON text without tenants, and decodes it.

Each worker writes its text to the store, which does not parse it. The worker that serves the status page
reads the texts of all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from ranvier.asgi.status.recent.numbers import COUNTERS, LISTS, Recent, Recents, add_all

MAX_PROVIDERS = 20
"""Maximum number of names (providers and `ALL`) in a text; further providers are summed as `others`."""

MAX_NAMES = 100
"""Maximum number of outcomes, events or states that are read for one provider."""

MAX_NAME = 256
"""Maximum length of a name; the rest is cut off."""

MAX_NUMBER = 9_007_199_254_740_991
"""The largest number that is accepted: the largest integer that JSON readers represent exactly."""


def written(recents: Mapping[str, Recent]) -> str:
    """Encode `recents` as text."""
    shown: Recents = {}
    add_all(shown, recents, MAX_PROVIDERS)
    return json.dumps({name: _fields(each) for name, each in shown.items()}, separators=(",", ":"))


def _fields(recent: Recent) -> dict[str, Any]:
    """The fields of `recent` that are not zero or empty."""
    fields: dict[str, Any] = {"rate": round(recent.rate, 3)} if recent.rate else {}
    for name in COUNTERS:
        if numbers := {kind: number for kind, number in getattr(recent, name).items() if number}:
            fields[name] = numbers
    for name in LISTS:
        if any(numbers := getattr(recent, name)):
            fields[name] = _packed(numbers)
    return fields


def _packed(numbers: Sequence[int]) -> list[int]:
    """The number of leading zeros, then the numbers without leading and trailing zeros."""
    used = [index for index, number in enumerate(numbers) if number]
    return [used[0], *numbers[used[0] : used[-1] + 1]]


def read(text: str) -> Recents | None:
    """Decode a text; `None` if it is invalid. Unknown fields are ignored, and missing ones are zero."""
    try:
        found = json.loads(text)
        return {name[:MAX_NAME]: _read(fields) for name, fields in islice(found.items(), MAX_PROVIDERS + 1)}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _read(fields: Mapping[str, Any]) -> Recent:
    recent = Recent(_rate(fields.get("rate", 0)))
    for name in COUNTERS:
        getattr(recent, name).update(_counter(fields.get(name, {})))
    for name, length in LISTS.items():
        setattr(recent, name, _unpacked(fields.get(name, ()), length))
    return recent


def _rate(value: Any) -> float:
    if not (isinstance(value, int | float) and 0 <= value <= MAX_NUMBER):
        raise ValueError
    return float(value)


def _counter(numbers: Mapping[str, Any]) -> Counter[str]:
    shown = dict(islice(numbers.items(), MAX_NAMES))
    return Counter(dict(zip((kind[:MAX_NAME] for kind in shown), _numbers([*shown.values()]), strict=True)))


def _unpacked(packed: Sequence[Any], length: int) -> Sequence[int]:
    """The inverse of `_packed`: a list of `length` numbers, or an empty one."""
    if not packed:
        return ()
    zeros, *numbers = _numbers(packed)
    rest = length - zeros - len(numbers)
    if rest < 0:
        raise ValueError
    return [*[0] * zeros, *numbers, *[0] * rest]


def _numbers(values: Sequence[Any]) -> Sequence[int]:
    """Check all `values` at once, without a loop: a busy worker sends a thousand."""
    if values and not (set(map(type, values)) == {int} and min(values) >= 0 and max(values) <= MAX_NUMBER):
        raise ValueError
    return values
