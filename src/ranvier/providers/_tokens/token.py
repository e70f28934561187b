"""A bearer token, and what a user's function may return as one."""

from __future__ import annotations

import datetime
from typing import Any, Final

from ranvier.caller import PLAIN_FAILURES
from ranvier.providers._wire.header_key import fits_a_header

EXPIRIES: Final = ("expires_on", "expires_at", "expiry")
"""The attributes in which objects of azure-identity and google-auth hold when their token expires."""

LONG_AGO: Final = 86_400.0
"""Seconds since an expiry after which it is a mistake, such as a duration, and no clock that is wrong."""


class Token:
    """A token. Frames hold it and never its `value`: a traceback must not show that.

    Attributes:
        value: The token itself.
        expires: When it expires, in seconds since the epoch; `None` if that is not known.
    """

    __slots__ = ("expires", "value")

    def __init__(self, value: str, expires: float | None) -> None:
        self.value = value
        self.expires = expires

    def __repr__(self) -> str:
        return "<a token>"


def read_token(answer: object, now: float) -> Token | str:
    """The token in what a function returned, at `now` in seconds since the epoch; or what is wrong with it.

    Nothing is raised, because a traceback would show the token.
    """
    try:
        value, expires = _parts(answer)
        until = _seconds(expires)
    except PLAIN_FAILURES as error:  # attributes of foreign objects may raise anything
        return f"its token or its expiry cannot be read ({type(error).__name__})"
    if not isinstance(value, str):
        return f"it returned a {type(value).__name__}: return a str, (str, expiry), or an object with a token"
    if not value or not fits_a_header(value):
        return "it returned an empty token, or one with spaces or line breaks"
    if until is not None and not until > now - LONG_AGO:
        return "the expiry of its token is long past: give seconds since the epoch, or a datetime"
    return Token(value, until)


def _parts(answer: object) -> tuple[object, object]:
    if isinstance(answer, tuple):
        return answer if len(answer) == 2 else (answer, None)
    if isinstance(answer, str) or not hasattr(answer, "token"):
        return answer, None
    return answer.token, next((getattr(answer, name) for name in EXPIRIES if hasattr(answer, name)), None)


def _seconds(expires: Any) -> float | None:
    """Seconds since the epoch; any error is for an expiry that cannot be used."""
    if expires is None:
        return None
    if isinstance(expires, datetime.datetime):  # those of google-auth have no zone, and are in UTC
        return (expires if expires.tzinfo else expires.replace(tzinfo=datetime.UTC)).timestamp()
    return float(expires)
