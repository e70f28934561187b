"""Reads the limits of a key from the headers of a reply. It never raises: what makes no sense is ignored."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.providers._failures.waits import AGES, moment, number

_WIRES = (
    ("anthropic-ratelimit{kind}-{what}", {
        "requests": ("-requests",),
        "input_tokens": ("-input-tokens",),
        "output_tokens": ("-output-tokens",),
        "tokens": ("-tokens",),
    }),
    ("x-ratelimit-{what}{kind}", {
        "requests": ("-requests", "-req-minute", ""),
        "input_tokens": ("-input-tokens", "-tokens-prompt"),
        "output_tokens": ("-output-tokens", "-tokens-generated"),
        "tokens": ("-tokens", "-tokens-minute"),
    }),
    ("ratelimit-{what}{kind}", {"requests": ("",)}),
)  # fmt: skip
"""How the headers are named: those of Anthropic, of OpenAI and most others, and of the draft by the IETF."""

_HEADERS = tuple(
    (
        field,
        tuple(pattern.format(kind=kind, what=what) for what in ("limit", "remaining", "reset")),
    )
    for pattern, fields in _WIRES
    for field, kinds in fields.items()
    for kind in kinds
)

_STEP = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(h|m(?!s)|s|ms|us|µs|μs|ns)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "ns": 1e-9}

MAX_RESET = 366 * 86_400.0
"""A reset that is further away is ignored."""


def rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """The limits in `headers`, whose names are in lower case; `None` if there are none.

    A reset that is a time counts from the response's own `Date`, so the local clock does not matter.
    """
    found: dict[str, RateLimit] = {}
    for field, names in _HEADERS:
        if field not in found and (limit := _read(headers, *names)) is not None:
            found[field] = limit
    return RateLimits(**found) if found else None


def _read(headers: Mapping[str, str], *names: str) -> RateLimit | None:
    limit, remaining = (_amount(headers.get(name)) for name in names[:2])
    if remaining is None or limit == 0:  # some gateways send a limit of 0 where there is none
        return None
    if limit is not None:
        remaining = min(remaining, limit)
    return RateLimit(limit, remaining, _reset(headers.get(names[2]), headers.get("date")))


def _amount(value: str | None) -> float | None:
    return None if value is None else number(value)


def _reset(value: str | None, date: str | None) -> float | None:
    """Seconds until the reset, from `6m0s`, `20ms`, `1.5`, a time in RFC 3339, or one since the epoch."""
    if value is None:
        return None
    seconds = number(value)
    if seconds is None:
        seconds = _duration(value.strip().lower())
    if seconds is None or seconds >= AGES[0]:
        then, now = moment(value), moment(date)
        seconds = None if then is None or now is None else math.ceil(max(then - now, 0.0))
    return None if seconds is None or seconds > MAX_RESET else float(seconds)


def _duration(text: str) -> float | None:
    """The sum of numbers with units, as Go writes durations."""
    total, position = 0.0, 0
    while position < min(len(text), 64):
        step = _STEP.match(text, position)
        if step is None:
            return None
        total += float(step[1]) * _UNITS.get(step[2], 1e-6)
        position = step.end()
    return total if position else None
