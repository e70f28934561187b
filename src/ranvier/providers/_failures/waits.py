"""Reads how long a provider wants us to wait, and until when, from headers, body and message."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from ranvier.errors.provider import MAX_WAIT
from ranvier.providers._failures.error_body import objects, parse, read


class Wait(NamedTuple):
    """A requested wait.

    Attributes:
        seconds: The wait; `None` if none was given, or none of at most a day.
        resets_at: The end of the wait, in seconds since the epoch, if it was given or follows from the wait.
    """

    seconds: float | None = None
    resets_at: float | None = None


_NUMBER = re.compile(r"[0-9]{1,13}(?:\.[0-9]{0,12})?")
_ANNOUNCED = re.compile(
    r"\b(?:again|retry|retrying|wait|resets?|available)(?: again| (?:your|the) request| time)?"
    r"(?:[ _-](?:in|after|for|is))?:? ?"
    r"(?:about |around |approximately |at least |up to |~ ?)?(?=[0-9]|pt?[0-9])"
)
_NAMED = re.compile(  # a header or a field quoted in a message, in seconds although it has no unit
    r"\bretry[ _-]after(?:[ _-]seconds)?['\"]?(?:: ?|=)['\"]?([0-9]{1,9}(?:\.[0-9]{1,12})?)"
    r"(?![0-9a-z]|\.[0-9]| ?[mhd])"
)
_STEP = re.compile(  # a number and its unit, as in 1.5s, 12ms, 6m0s, 1 seconds, 2 hours and 5 minutes
    r"(?:,? and |, )? ?([0-9]{1,9}(?:\.[0-9]{1,12})?) ?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
)
_ISO_DURATION = re.compile(r"p((?:[0-9]{1,9}d)?)(?:t([0-9hms.]{2,40}))?(?![0-9a-z])")  # as in PT1M30S
_CLOCK = re.compile(  # as in `replenished in 00:12:30`; after another word it may be a time of the day
    r"\b(?:again|retry|resets?|available|replenished) in ([0-9]{1,3}):([0-9]{2}):([0-9]{2})(?![0-9:])"
)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AFTER = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,12})?) ?(秒|分钟|小时|天)(?:之|以)?后")
_CHINESE = {"秒": "s", "分钟": "m", "小时": "h", "天": "d"}
_UNTIL = re.compile(  # a time with a zone: without one, it may be in the vendor's zone
    r"\b(?:at|on|after|until|by):? ([0-9]{4}-[0-9]{2}-[0-9]{2})(?: at |[ t])([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?:\.[0-9]{1,9})? ?(z|utc|gmt|[+-][0-9]{2}:?[0-9]{2})(?![0-9a-z])"
)
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.[0-9]{1,9})?)?"
    r" ?([Zz]|UTC|utc|GMT|gmt|[+-][0-9]{2}:?[0-9]{2})?"
)
_MONTHS = ("", *["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"])
_REPEATED = re.compile(r'[\s"+]*([0-9]{1,13}(?:\.[0-9]{0,12})?)"?\s*(?:[,;][0-9.,;\s"]*)?')
AGES = (1.4e9, 4.1e9)
"""The range in which a number is a time in seconds since the epoch, and not a wait."""

_IN_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms", "retry_after_ms", "retryAfterMs")
_IN_SECONDS = (
    *("retry-after", "retry_after", "retry_after_seconds", "resets_in_seconds"),
    *("retryAfter", "retryAfterSeconds", "quotaResetDelay"),
)
_HEADERS = ("retry-after", "x-retry-after", "retry-after-seconds", "x-ratelimit-retry-after")
_MOMENTS = ("resets_at", "reset_at", "resetsAt")
_REPORTED = ("x-ratelimit-reset", "anthropic-ratelimit-unified-reset")


def waiting(headers: Mapping[str, str], body: object) -> Wait:
    """Read the wait from headers such as `retry-after-ms` and `retry-after`, the body and its message.

    The first source with a wait of at most a day counts; invalid values are ignored. A time is taken
    relative to the response's own `Date`, so the local clock does not matter. A reset time that is only
    reported, as in `x-ratelimit-reset`, sets `resets_at` but no wait.
    """
    now = moment(headers.get("date"))
    resets_at = None
    for wait in _waits(headers, parse(body)):
        if wait.resets_at is not None:
            seconds = None if now is None else max(wait.resets_at - now, 0.0)
        else:
            seconds = wait.seconds
        if seconds is not None and seconds <= MAX_WAIT:
            return Wait(seconds, _sum(now, seconds) if wait.resets_at is None else wait.resets_at)
        resets_at = resets_at or wait.resets_at or _sum(now, wait.seconds)
    return Wait(None, resets_at or _reported(headers, parse(body)))


def retry_after(headers: Mapping[str, str], body: object) -> float | None:
    """The wait that the provider requested, in seconds; `None` if it requested none."""
    return waiting(headers, body).seconds


def _waits(headers: Mapping[str, str], body: Mapping[str, Any] | str) -> Iterator[Wait]:
    yield from (_milliseconds(headers.get(name)) for name in _IN_MILLISECONDS[:2])
    yield from (_requested(_first(headers.get(name))) for name in _HEADERS)
    for one in (*objects(body), body) if isinstance(body, Mapping) else ():
        yield _delay(one.get("retryDelay"))
        yield from (_milliseconds(one.get(key)) for key in _IN_MILLISECONDS)
        yield from (_requested(one.get(key)) for key in _IN_SECONDS)
        yield from (Wait(resets_at=moment(one.get(key))) for key in _MOMENTS)
    text = read(body).text
    yield from (Wait(_duration(text, announced.end())) for announced in _ANNOUNCED.finditer(text))
    yield from (Wait(float(named[1])) for named in _NAMED.finditer(text))
    yield from (Wait(_duration("{}h{}m{}s".format(*clock.groups()))) for clock in _CLOCK.finditer(text))
    yield from (Wait(float(after[1]) * _UNITS[_CHINESE[after[2]]]) for after in _AFTER.finditer(text))
    for until in _UNTIL.finditer(text):
        yield Wait(resets_at=moment("{}T{}{}".format(*until.groups())))
    if number(headers.get("x-ratelimit-remaining")) in (None, 0.0):  # otherwise it is about no limit of ours
        yield _requested(headers.get("x-ratelimit-reset-after"))


def _reported(headers: Mapping[str, str], body: Mapping[str, Any] | str) -> float | None:
    """The reset time of a limit that is only reported."""
    sources = (headers, *(objects(body) if isinstance(body, Mapping) else ()))
    moments = (moment(one.get(key)) for one in sources for key in _REPORTED)
    return next((moment for moment in moments if moment is not None), None)


def _requested(value: object) -> Wait:
    """A wait in seconds, as a duration such as `1m30s`, or as the time of its end."""
    seconds = number(value)
    if seconds is not None and seconds < AGES[0]:
        return Wait(seconds)
    if isinstance(value, str) and seconds is None:
        seconds = _duration(value.strip().lower()[:40])
    return Wait(resets_at=moment(value)) if seconds is None or seconds >= AGES[0] else Wait(seconds)


def _first(header: str | None) -> str | None:
    """The first of several numbers: proxies send the header twice, join the two, or write quotes."""
    if header is None or (found := _REPEATED.fullmatch(header)) is None:
        return header
    return found[1]


def _delay(value: object) -> Wait:
    """The delay of a `google.rpc.RetryInfo`: a duration, or an object with seconds."""
    if isinstance(value, Mapping):
        return Wait(number(value.get("seconds")))
    return Wait(_duration(str(value or "")[:40].lower()))


def _milliseconds(value: object) -> Wait:
    wait = number(value)
    return Wait() if wait is None else Wait(wait / 1000)


def number(value: object) -> float | None:
    """A number that is not negative, also as a text; `None` for anything else."""
    if isinstance(value, str):
        text = value.strip()  # of more than `float` takes away, such as \x1f
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e13:
        return None
    return float(value)


def moment(value: object) -> float | None:
    """Seconds since the epoch, from seconds, milliseconds, an ISO date or an HTTP date."""
    given = number(value)
    if given is not None:
        given = given / 1000 if given > 1000 * AGES[0] else given
        return given if AGES[0] <= given <= AGES[1] else None
    if not isinstance(value, str):
        return None
    text = value.strip()[:64]
    try:  # a date without a zone counts as GMT, as in HTTP
        then = timegm(parsedate_to_datetime(_as_http_date(text)).utctimetuple())
    except (ValueError, TypeError, IndexError, OverflowError):  # because: the parser raises all of these
        return None
    return float(then) if AGES[0] <= then <= AGES[1] else None


def _as_http_date(text: str) -> str:
    """An ISO date in the format of an HTTP date; other text unchanged."""
    iso = _ISO.fullmatch(text)
    if iso is None:
        return text
    year, month, day, hours, zone = iso.groups()
    zone = "GMT" if zone is None or zone[0] not in "+-" else zone.replace(":", "")
    return f"{day} {_MONTHS[int(month)]} {year} {hours or '00:00'} {zone}"


def _sum(now: float | None, seconds: float | None) -> float | None:
    return None if now is None or seconds is None or seconds > 366 * MAX_WAIT else now + seconds


def _duration(text: str, position: int = 0) -> float | None:
    """The sum of one or more numbers with units, in seconds."""
    if (iso := _ISO_DURATION.match(text, position)) is not None:
        text, position = iso[1] + (iso[2] or ""), 0
    total = None
    while step := _STEP.match(text, position):
        unit = 0.001 if step[2].startswith(("ms", "mil")) else _UNITS[step[2][0]]
        total, position = (total or 0.0) + float(step[1]) * unit, step.end()
    return total
