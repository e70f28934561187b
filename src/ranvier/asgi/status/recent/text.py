"""The recent numbers of a worker as a short text, which the others read; it names no tenant.

The store only keeps it: reading it is the work of the worker that answers an operator.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from ranvier.asgi.status.recent.numbers import COUNTERS, LISTS, Recent, Recents, add_all

MAX_TOLD = 20
"""Providers, and the calls at all of them, that a worker tells of apart; it tells of the others as one."""

MAX_NAMES = 100
"""Outcomes, and the like, that are read of one provider."""

MAX_NAME = 256
"""Characters of a name that are read."""

MAX_NUMBER = 9_007_199_254_740_991
"""A larger number is nonsense."""


def written(recents: Mapping[str, Recent]) -> str:
    """The text for `recents`."""
    shown: Recents = {}
    add_all(shown, recents, MAX_TOLD)
    return json.dumps({name: _fields(each) for name, each in shown.items()}, separators=(",", ":"))


def _fields(recent: Recent) -> dict[str, Any]:
    """Those that say anything."""
    fields: dict[str, Any] = {"rate": round(recent.rate, 3)} if recent.rate else {}
    for name in COUNTERS:
        if numbers := {kind: number for kind, number in getattr(recent, name).items() if number}:
            fields[name] = numbers
    for name in LISTS:
        if any(numbers := getattr(recent, name)):
            fields[name] = _packed(numbers)
    return fields


def _packed(numbers: Sequence[int]) -> list[int]:
    """How many zeros come first, and the numbers without these, and without the zeros at the end."""
    used = [place for place, number in enumerate(numbers) if number]
    return [used[0], *numbers[used[0] : used[-1] + 1]]


def read(text: str) -> Recents | None:
    """What a worker tells; `None` if it is nonsense. Another version may tell more, or less."""
    try:
        found = json.loads(text)
        return {name[:MAX_NAME]: _read(fields) for name, fields in islice(found.items(), MAX_TOLD + 1)}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _read(fields: Mapping[str, Any]) -> Recent:
    recent = Recent(_rate(fields.get("rate", 0)))
    for name in COUNTERS:
        getattr(recent, name).update(_counter(fields.get(name, {})))
    for name, length in LISTS.items():
        setattr(recent, name, _unpacked(fields.get(name, ()), length))
    return recent


def _rate(given: Any) -> float:
    if not (isinstance(given, int | float) and 0 <= given <= MAX_NUMBER):
        raise ValueError
    return float(given)


def _counter(given: Mapping[str, Any]) -> Counter[str]:
    shown = dict(islice(given.items(), MAX_NAMES))
    return Counter(dict(zip((kind[:MAX_NAME] for kind in shown), _numbers([*shown.values()]), strict=True)))


def _unpacked(given: Sequence[Any], length: int) -> Sequence[int]:
    """So many numbers, or none."""
    if not given:
        return ()
    zeros, *numbers = _numbers(given)
    rest = length - zeros - len(numbers)
    if rest < 0:
        raise ValueError
    return [*[0] * zeros, *numbers, *[0] * rest]


def _numbers(given: Sequence[Any]) -> Sequence[int]:
    """They are many: a busy worker sends a thousand."""
    if given and not (set(map(type, given)) == {int} and min(given) >= 0 and max(given) <= MAX_NUMBER):
        raise ValueError
    return given
