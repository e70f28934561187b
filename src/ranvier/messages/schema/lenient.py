"""Reads JSON that is surrounded by other text or slightly malformed, if its meaning is unambiguous."""

from __future__ import annotations

import json
import math
import re
import string
from typing import Any, Final, NoReturn

MAX_FAILED_STARTS: Final = 64
"""Braces and brackets that turn out not to begin JSON, after which the search of a text stops."""

MAX_LAYERS: Final = 3
"""How many times JSON may be encoded as a JSON string."""

THOUGHTS: Final = re.compile(r"\s*<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL)
"""Precede the answer if a server does not separate thoughts from it."""

DECORATION: Final = re.compile(r"(?:[\s\ufeff]|```\w*|<[^<>{}\"\s]{1,60}(?:>|$))*")
"""What models write around arguments: white space, fences, tags such as `</tool_call>` and `<|im_end|>`."""


def no_json(constant: str) -> NoReturn:
    """Reject `NaN` and `Infinity`, which Python would accept."""
    raise ValueError(f"{constant} is not JSON")


def finite(number: str) -> float:
    """`number` as a float; a `ValueError` if it is too large for one."""
    value = float(number)
    if math.isinf(value):  # `parsed` could not be written as JSON any more
        raise ValueError(f"{number:.20} is too large for a number")
    return value


STRICT: Final = json.JSONDecoder(parse_constant=no_json, parse_float=finite)
"""Rejects what could not be sent back as JSON: NaN, and numbers that are too large for a float."""

_WITH_RAW_CHARACTERS: Final = json.JSONDecoder(parse_constant=no_json, parse_float=finite, strict=False)
"""Like `STRICT`, but accepts raw line breaks and tabs inside strings."""


# --- arguments of tool calls ---------------------------------------------------------------------


def arguments_in(text: str) -> dict[str, Any] | None:
    """The arguments of a tool call as an object; `None` if they are unreadable or ambiguous.

    It accepts an empty text, raw control characters in strings, a byte order mark, a fence, tags before and
    after, an object encoded as a string, an empty list, `null`, the same object repeated, and an object after
    `{}`, which some gateways send at the beginning of every call.
    """
    try:
        for _ in range(MAX_LAYERS):
            value = _one_value(text)
            if isinstance(value, dict):
                return value
            if not isinstance(value, str):
                return None
            text = value
    except (ValueError, RecursionError):
        pass
    return None


def _one_value(text: str) -> Any:
    """The one value in `text`; an empty object if there are only empty ones.

    Raises:
        ValueError: it cannot be read, or holds several different values.
    """
    found: Any = {}
    position = _after_decoration(text, 0)
    while position < len(text):
        value, position = _WITH_RAW_CHARACTERS.raw_decode(text, position)
        if value not in _EMPTY:
            if found not in _EMPTY and value != found:
                raise ValueError("several values")
            found = value
        position = _after_decoration(text, position)
    return found


_EMPTY: Final[tuple[Any, ...]] = ({}, [], "", None)
"""Values that mean no arguments. PHP writes an empty object as an empty list, other servers write `null`."""


def _after_decoration(text: str, position: int) -> int:
    match = DECORATION.match(text, position)
    return match.end() if match else position


# --- structured answers --------------------------------------------------------------------------


def json_in(text: str) -> str:
    """The JSON of an answer: all of it without the thoughts before it, or the content of its one fence."""
    text = _without_thoughts(text.strip().removeprefix("\ufeff"))
    begin, end = text.find("```"), text.rfind("```")
    if text.startswith("{") or begin == end:
        return text
    return text[begin:end].strip("`").lstrip(string.ascii_letters + " ").strip()


def objects_in(text: str) -> list[str]:
    """The different JSON objects within the text of an answer, as they are written, without its thoughts.

    The result is empty if any object is truncated or broken, because an object nested in it would be mistaken
    for the answer. A list is one value, whatever it holds.
    """
    text = _without_thoughts(text.strip())
    found: dict[str, str] = {}  # by normalized content, so that a repeated object counts once
    failed, start = 0, _START.search(text)
    while start is not None and failed < MAX_FAILED_STARTS:
        try:
            value, end = STRICT.raw_decode(text, start.start())
            if isinstance(value, dict):
                found.setdefault(json.dumps(value, sort_keys=True), text[start.start() : end])
        except (ValueError, RecursionError):
            if _OBJECT.match(text, start.start()):
                return []
            failed, end = failed + 1, start.end()
        start = _START.search(text, end)
    return list(found.values())


_START: Final = re.compile(r"[{\[]")
_OBJECT: Final = re.compile(r'\{\s*["}]')
"""Begins an object, not words in braces."""


def _without_thoughts(text: str) -> str:
    position = 0
    while (thoughts := THOUGHTS.match(text, position)) is not None:
        position = thoughts.end()
    text = text[position:].lstrip()
    if text.startswith(("{", "[")):
        return text
    if text.startswith("<think>"):  # truncated within the thoughts: there is no answer
        return ""
    _, _, after = text.partition("</think>")  # the opening tag was in the prompt
    return after.strip() if "{" in after else text
