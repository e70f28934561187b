"""Where two requests differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from support.oracles.postbox import Letter

NOISE = (
    *("host", "connection", "content-length", "user-agent", "accept", "accept-encoding"),
    "x-goog-api-client",  # the name of the SDK, once more
)
"""Headers of the client, not of the API; those beginning with `x-stainless-` tell of the SDK."""


AT_ALL_TIMES: dict[str, dict[str, str]] = {
    "anthropic": {
        "header anthropic-version": "we stay with the version that every gateway takes",
        "header authorization": "keys are sent as bearers by the newest SDK alone",
        "header x-api-key": "the header of its own that the API has for keys",
    },
    "responses": {"store": "the server would keep the conversation otherwise"},
}
"""Places in which our requests differ from those of the SDK, and why."""

FREE = ("args", "response", "parametersJsonSchema", "responseJsonSchema")
"""Fields of Gemini in which names are the user's."""


class Absent:
    """Stands for what is not there."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


def differences(ours: Letter, theirs: Letter) -> dict[str, tuple[Any, Any]]:
    """The places in which our request differs from that of the SDK, with what stands there.

    Null says nothing, and is as good as absent; so is `"stream": false`, which only we always send.
    """
    left, right = dict(_said(ours)), dict(_said(theirs._replace(body=_in_one_spelling(theirs))))
    places = sorted(left.keys() | right.keys())
    pairs = {place: (left.get(place, ABSENT), right.get(place, ABSENT)) for place in places}
    pairs = {place: pair for place, pair in pairs.items() if pair[0] != pair[1]}
    if set(pairs.get("stream", ())) == {False, ABSENT}:
        del pairs["stream"]
    return pairs


def _in_one_spelling(letter: Letter) -> Any:
    """Google's API takes `mime_type` for `mimeType`, its SDK sends now one, now the other."""
    return _camel(letter.body) if "x-goog-api-key" in letter.headers else letter.body


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    renamed = {re.sub(r"_(.)", lambda found: found[1].upper(), name): name for name in value}
    return {new: value[old] if new in FREE else _camel(value[old]) for new, old in renamed.items()}


def _said(letter: Letter) -> Iterator[tuple[str, Any]]:
    yield "target", letter.target
    for name, value in letter.headers.items():
        if name not in NOISE and not name.startswith("x-stainless-"):
            yield f"header {name}", value
    yield from _leaves(letter.body, "")


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Everything that stands in a JSON value, with its place; what is empty stands there too."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{number}]")
    elif value is not None:
        yield place, value
