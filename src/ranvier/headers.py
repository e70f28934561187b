"""Headers and query parameters that a user gives: which of them can be sent.

Their values may be secret: no message shows them, and no frame that raises holds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Final

Values = Mapping[str, str]
"""Headers or query parameters, by name."""

Fault = Callable[[str, str], str | None]
"""Tells what is wrong with a name and its value, without the value; `None` if nothing is."""

MAX_VALUES: Final = 100
MAX_NAME: Final = 200
MAX_LENGTH: Final = 16_384
"""The most headers or parameters that are added, and the longest name and value."""

FRAMING: Final = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "content-type", "content-encoding"),
        *("accept-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"),
        *("proxy-authorization", "proxy-connection"),
    )
)
"""The headers that follow from the request and its connection."""

HOLD_KEYS: Final = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key"))
"""The headers in which providers take a key."""

_HEADER_NAME: Final = re.compile(rf"[!#$%&'*+.^_`|~0-9A-Za-z-]{{1,{MAX_NAME}}}")


def fault_of_header(name: str, value: str) -> str | None:
    """Why a header cannot be sent."""
    if name.lower() in FRAMING:
        return f"{name!r} belongs to the connection or the body: leave it out"
    if not _HEADER_NAME.fullmatch(name):
        return f"{name!r:.60} is no name of a header: give letters, digits and hyphens"
    if value.isascii() and value.isprintable() and value == value.strip():
        return None
    return f"the value of {name!r} has invalid characters: look for line breaks, spaces around it and accents"


def fault_of_param(name: str, value: str) -> str | None:
    """Why a query parameter cannot be sent."""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        return f"{name!r:.60} is no name of a parameter: give 1 to {MAX_NAME} printable characters"
    return None if value.isprintable() else f"the value of {name!r} has invalid characters, as line breaks"


def checked(given: object, fault: Fault) -> tuple[Values, str | None]:
    """The values by name, those of headers in lower case; or else what is wrong with them.

    It must not raise: a traceback would show the values.
    """
    if given is None:
        return {}, None
    if not isinstance(given, Mapping):
        return {}, f"it is a {type(given).__name__}: give a dict of str to str"
    try:
        entries = list(islice(given.items(), MAX_VALUES + 1))
        mistake = next(filter(None, (_fault_of(name, value, fault) for name, value in entries)), None)
    except Exception as error:  # a mapping of the user's own
        return {}, f"it raises a {type(error).__name__}: give a dict of str to str"
    if mistake is not None:
        return {}, mistake
    lower = fault is fault_of_header
    values: dict[str, str] = {name.lower() if lower else name: value for name, value in entries}
    if len(values) < len(entries) or len(values) > MAX_VALUES:
        return {}, f"it has a name twice, or more than {MAX_VALUES} names"
    return values, None


def _fault_of(name: object, value: object, fault: Fault) -> str | None:
    if not isinstance(name, str):
        return f"a name is a {type(name).__name__}: give a dict of str to str"
    if not isinstance(value, str):
        return f"the value of {name!r:.60} is a {type(value).__name__}: give a str"
    if len(value) > MAX_LENGTH:
        return f"the value of {name!r:.60} is longer than {MAX_LENGTH} characters"
    return fault(name, value)
