"""How long a provider asked us to wait, wherever it says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ranvier.providers._said import objects, parse, read

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,12})?")
_ANNOUNCED = re.compile(r"\b(?:again|retry|wait) (?:in |after |for )?(?=[0-9])")
_STEP = re.compile(  # a number and its unit, as in 1.5s, 12ms, 6m0s, 1 seconds
    r" ?([0-9]{1,9}(?:\.[0-9]{1,12})?) ?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)(?![a-z])"
)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after(headers: Mapping[str, str], body: object) -> float | None:
    """Seconds that the provider asked us to wait: `retry-after-ms`, `retry-after`, the body, its message.

    A source that makes no sense says nothing. A date is taken relative to the response's own `Date`, so
    that no clock of ours matters; limits that reset at some hour are never reckoned with.
    """
    return next((wait for wait in _waits(headers, parse(body)) if wait is not None), None)


def _waits(headers: Mapping[str, str], body: Mapping[str, Any] | str) -> Iterator[float | None]:
    yield _milliseconds(headers.get("retry-after-ms"))
    yield _seconds(headers.get("retry-after"))
    yield _until(headers.get("retry-after"), headers.get("date"))
    for one in objects(body) if isinstance(body, Mapping) else ():
        yield _duration(str(one.get("retryDelay", ""))[:40])  # google.rpc.RetryInfo
        yield from (_milliseconds(one.get(key)) for key in ("retry-after-ms", "retry_after_ms"))
        yield from (_seconds(one.get(key)) for key in ("retry-after", "retry_after", "retry_after_seconds"))
    text = read(body).text
    yield from (_duration(text, announced.end()) for announced in _ANNOUNCED.finditer(text))


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        return None
    return float(value)


def _milliseconds(value: object) -> float | None:
    wait = _seconds(value)
    return None if wait is None else wait / 1000


def _until(value: object, now: object) -> float | None:
    try:
        then, since = (parsedate_to_datetime(str(text)[:64]).timestamp() for text in (value, now))
    except (ValueError, TypeError, IndexError, OverflowError, OSError):  # because: it fails in all these ways
        return None
    return max(0.0, then - since)


def _duration(text: str, position: int = 0) -> float | None:
    """A number with its unit, or several of them added up."""
    total = None
    while step := _STEP.match(text, position):
        unit = 0.001 if step[2].startswith(("ms", "mil")) else _UNITS[step[2][0]]
        total, position = (total or 0.0) + float(step[1]) * unit, step.end()
    return total
