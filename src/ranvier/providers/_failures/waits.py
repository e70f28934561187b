"""How long a provider asked us to wait, and until when, wherever it says so."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from ranvier.errors.provider import MAX_WAIT
from ranvier.providers._failures.error_body import objects, parse, read


class Wait(NamedTuple):
    """What was said of it.

    Attributes:
        seconds: The wait; `None` where none was named that a call could follow.
        resets_at: The moment, in seconds since the epoch, where one was named or follows from the wait.
    """

    seconds: float | None = None
    resets_at: float | None = None


_NUMBER = re.compile(r"[0-9]{1,13}(?:\.[0-9]{0,12})?")
_ANNOUNCED = re.compile(
    r"\b(?:again|retry|retrying|wait|resets?|available)(?: again)?(?:[ _-](?:in|after|for))?:? ?"
    r"(?:about |around |approximately |at least |up to |~ ?)?(?=[0-9])"
)
_STEP = re.compile(  # a number and its unit, as in 1.5s, 12ms, 6m0s, 1 seconds, 2 hours and 5 minutes
    r"(?:,? and |, )? ?([0-9]{1,9}(?:\.[0-9]{1,12})?) ?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNTIL = re.compile(  # a moment of which the zone is known: without one, it may be that of the vendor
    r"\b(?:at|on|after|until|by) ([0-9]{4}-[0-9]{2}-[0-9]{2})(?: at |[ t])([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?:\.[0-9]{1,9})? ?(z|utc|gmt|[+-][0-9]{2}:?[0-9]{2})(?![0-9a-z])"
)
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.[0-9]{1,9})?)?"
    r" ?([Zz]|UTC|utc|GMT|gmt|[+-][0-9]{2}:?[0-9]{2})?"
)
_MONTHS = ("", *["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"])
_AGES = (1.4e9, 4.1e9)
"""Seconds since the epoch that are a moment of our time, and no wait of a careless server."""

_IN_MILLISECONDS = ("retry-after-ms", "retry_after_ms")
_IN_SECONDS = ("retry-after", "retry_after", "retry_after_seconds", "resets_in_seconds")
_MOMENTS = ("resets_at", "reset_at", "resetsAt")
_REPORTED = ("x-ratelimit-reset", "anthropic-ratelimit-unified-reset")


def waiting(headers: Mapping[str, str], body: object) -> Wait:
    """What the headers `retry-after-ms` and `retry-after`, the body and its message say of a wait.

    The first source that names a wait of at most a day counts; one that makes no sense says nothing. A
    moment is taken relative to the response's own `Date`, so that no clock of ours matters; that of a limit
    that is merely reported, as in `x-ratelimit-reset`, is a fact and no wait.
    """
    now = _moment(headers.get("date"))
    resets_at = None
    for said in _waits(headers, parse(body)):
        if said.resets_at is not None:
            seconds = None if now is None else max(said.resets_at - now, 0.0)
        else:
            seconds = said.seconds
        if seconds is not None and seconds <= MAX_WAIT:
            return Wait(seconds, _sum(now, seconds) if said.resets_at is None else said.resets_at)
        resets_at = resets_at or said.resets_at or _sum(now, said.seconds)
    return Wait(None, resets_at or _reported(headers, parse(body)))


def retry_after(headers: Mapping[str, str], body: object) -> float | None:
    """Seconds that the provider asked us to wait, if it did."""
    return waiting(headers, body).seconds


def _waits(headers: Mapping[str, str], body: Mapping[str, Any] | str) -> Iterator[Wait]:
    yield _milliseconds(headers.get("retry-after-ms"))
    yield _asked(headers.get("retry-after"))
    for one in objects(body) if isinstance(body, Mapping) else ():
        yield Wait(_duration(str(one.get("retryDelay", ""))[:40]))  # google.rpc.RetryInfo
        yield from (_milliseconds(one.get(key)) for key in _IN_MILLISECONDS)
        yield from (_asked(one.get(key)) for key in _IN_SECONDS)
        yield from (Wait(resets_at=_moment(one.get(key))) for key in _MOMENTS)
    text = read(body).text
    yield from (Wait(_duration(text, announced.end())) for announced in _ANNOUNCED.finditer(text))
    for until in _UNTIL.finditer(text):
        yield Wait(resets_at=_moment("{}T{}{}".format(*until.groups())))


def _reported(headers: Mapping[str, str], body: Mapping[str, Any] | str) -> float | None:
    """When a limit begins anew, where that is merely told."""
    sources = (headers, *(objects(body) if isinstance(body, Mapping) else ()))
    moments = (_moment(one.get(key)) for one in sources for key in _REPORTED)
    return next((moment for moment in moments if moment is not None), None)


def _asked(value: object) -> Wait:
    """A wait in seconds, or in words such as `1m30s`, or the moment of its end."""
    seconds = _number(value)
    if seconds is not None and seconds < _AGES[0]:
        return Wait(seconds)
    if isinstance(value, str) and seconds is None:
        seconds = _duration(value.strip().lower()[:40])
    return Wait(resets_at=_moment(value)) if seconds is None or seconds >= _AGES[0] else Wait(seconds)


def _milliseconds(value: object) -> Wait:
    wait = _number(value)
    return Wait() if wait is None else Wait(wait / 1000)


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e13:
        return None
    return float(value)


def _moment(value: object) -> float | None:
    """Seconds since the epoch: of a number of them or of their thousandths, of an ISO or an HTTP date."""
    number = _number(value)
    if number is not None:
        number = number / 1000 if number > 1000 * _AGES[0] else number
        return number if _AGES[0] <= number <= _AGES[1] else None
    if not isinstance(value, str):
        return None
    text = value.strip()[:64]
    try:  # a date that names no zone is taken for one of Greenwich, as HTTP has it
        then = timegm(parsedate_to_datetime(_as_in_http(text)).utctimetuple())
    except (ValueError, TypeError, IndexError, OverflowError):  # because: it fails in all these ways
        return None
    return float(then) if _AGES[0] <= then <= _AGES[1] else None


def _as_in_http(text: str) -> str:
    """An ISO date in the words of an HTTP date; all else as it is."""
    iso = _ISO.fullmatch(text)
    if iso is None:
        return text
    year, month, day, hours, zone = iso.groups()
    zone = "GMT" if zone is None or zone[0] not in "+-" else zone.replace(":", "")
    return f"{day} {_MONTHS[int(month)]} {year} {hours or '00:00'} {zone}"


def _sum(now: float | None, seconds: float | None) -> float | None:
    return None if now is None or seconds is None or seconds > 366 * MAX_WAIT else now + seconds


def _duration(text: str, position: int = 0) -> float | None:
    """A number with its unit, or several of them added up."""
    total = None
    while step := _STEP.match(text, position):
        unit = 0.001 if step[2].startswith(("ms", "mil")) else _UNITS[step[2][0]]
        total, position = (total or 0.0) + float(step[1]) * unit, step.end()
    return total
