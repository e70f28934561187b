"""JSON with something around it, or nearly right; read where there is exactly one way to read it."""

from __future__ import annotations

import json
import math
import re
import string
from typing import Any, Final, NoReturn

MAX_FAILED_STARTS: Final = 64
"""Braces and brackets that begin no JSON, after which a text is not searched any further."""

MAX_LAYERS: Final = 3
"""How often JSON may be encoded as a text of JSON."""

THOUGHTS: Final = re.compile(r"\s*<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL)
"""Stand before the answer where a server does not tell them apart from it."""

DECORATION: Final = re.compile(r"(?:[\s\ufeff]|```\w*|<[^<>{}\"\s]{1,60}(?:>|$))*")
"""What models leave around arguments: white space, fences, tags such as `</tool_call>` and `<|im_end|>`."""


def no_json(constant: str) -> NoReturn:
    """Refuse `NaN` and `Infinity`, which Python would read."""
    raise ValueError(f"{constant} is no JSON")


def finite(number: str) -> float:
    """`number`, or a `ValueError` where no float can hold it."""
    value = float(number)
    if math.isinf(value):  # `parsed` could not be written as JSON any more
        raise ValueError(f"{number:.20} is more than a number can be")
    return value


STRICT: Final = json.JSONDecoder(parse_constant=no_json, parse_float=finite)
"""What could not be sent back as JSON is none: NaN, and numbers that no float can hold."""

_WITH_RAW_CHARACTERS: Final = json.JSONDecoder(parse_constant=no_json, parse_float=finite, strict=False)
"""The same, but line breaks and tabs may stand inside strings as they are."""


# --- arguments of tool calls ---------------------------------------------------------------------


def arguments_in(text: str) -> dict[str, Any] | None:
    """The object that the arguments of a tool call mean; `None` where there is none, or more than one way.

    Read are: nothing at all, raw control characters in strings, a byte order mark, a fence, tags before and
    after, an object encoded as a text, an empty list, the same object repeated, and an object after `{}`,
    with which some gateways begin every call.
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
    """The one value in `text`, an empty object where there is none but empty ones.

    Raises:
        ValueError: it cannot be read, or holds several that differ.
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


_EMPTY: Final[tuple[Any, ...]] = ({}, [], "")
"""No arguments. An empty list is how PHP writes an empty object."""


def _after_decoration(text: str, position: int) -> int:
    match = DECORATION.match(text, position)
    return match.end() if match else position


# --- structured answers --------------------------------------------------------------------------


def json_in(text: str) -> str:
    """The JSON of an answer: all of it but the thoughts before it, or what its one fenced block holds."""
    text = _without_thoughts(text.strip().removeprefix("\ufeff"))
    begin, end = text.find("```"), text.rfind("```")
    if text.startswith("{") or begin == end:
        return text
    return text[begin:end].strip("`").lstrip(string.ascii_letters + " ").strip()


def objects_in(text: str) -> list[str]:
    """The different JSON objects between the words of an answer, as they are written, without its thoughts.

    There are none where one is cut or broken, since what stands in it would pass for the answer. A list is
    one value, whatever it holds.
    """
    text = _without_thoughts(text.strip())
    found: dict[str, str] = {}  # by what they say, so that one that is repeated is one
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
"""Begins an object, and no words in braces."""


def _without_thoughts(text: str) -> str:
    while (thoughts := THOUGHTS.match(text)) is not None:
        text = text[thoughts.end() :].lstrip()
    if text.startswith(("{", "[")):
        return text
    if text.startswith("<think>"):  # cut within them: there is no answer
        return ""
    _, _, after = text.partition("</think>")  # the opening tag stood in the prompt
    return after.strip() if "{" in after else text
