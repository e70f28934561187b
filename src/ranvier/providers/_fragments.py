"""The pieces in which chat completions are streamed: words alone, and tool calls in fragments."""

from __future__ import annotations

import json

from ranvier.messages import ToolCallDelta
from ranvier.providers import _json
from ranvier.providers._history import new_call_id
from ranvier.providers._reading import Json, entry, label, text


def only_words(body: Json) -> str:
    """The words of a chunk that says nothing else, as nearly all do; empty where there is more to read."""
    try:
        (choice,) = body["choices"]
        delta = choice["delta"]
        words = delta["content"]
    except (KeyError, TypeError, ValueError):
        return ""
    if type(words) is not str or (len(delta) > 1 and (len(delta) > 2 or "role" not in delta)):
        return ""
    more = body.get("usage") or choice.get("usage") or choice.get("error") or choice.get("index")
    return "" if more or choice.get("finish_reason") is not None else words


def read_arguments(value: object) -> str:
    """The arguments of a tool call as JSON; some servers send the object itself."""
    return json.dumps(value) if isinstance(value, dict) else text(value, "arguments")


class CallsUnderWay:
    """Which fragment belongs to which tool call.

    By `index`; where a server sends none, by `id`. Some servers give every call the index 0: there
    another id that comes with a name begins another call.
    """

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}  # the call under way at an index
        self._ids: list[str] = []  # as the server gave them, empty where it did not
        self._arguments: list[list[str]] = []  # of each call, in pieces
        self._last: int | None = None

    @property
    def any(self) -> bool:
        """True once a call has begun."""
        return bool(self._ids)

    @property
    def whole(self) -> bool:
        """True where the arguments of every call are a JSON object, so that nothing can be missing."""
        try:
            return all(isinstance(_json.read("".join(each).encode()), dict) for each in self._arguments)
        except (ValueError, RecursionError):
            return False

    def fragment(self, call: Json) -> ToolCallDelta:
        """What a fragment adds, and to which call."""
        function = entry(call.get("function"), "function")
        given, name = label(call.get("id")), label(function.get("name"))
        arguments = read_arguments(function.get("arguments"))
        number = self._number(call.get("index"), given, name)
        if number is not None:
            self._arguments[number].append(arguments)
            return ToolCallDelta(number, arguments=arguments)
        self._arguments.append([arguments])
        return ToolCallDelta(len(self._ids) - 1, given or new_call_id(), name, arguments)

    def _number(self, index: object, id: str | None, name: str | None) -> int | None:
        """The call that a fragment continues; `None` if it begins one, which is then noted."""
        key = index if isinstance(index, int) else id
        number = self._numbers.get(key)
        if key is None:
            number = self._last if name is None else None
        if number is not None and not (name and id and id != self._ids[number]):
            return number
        self._numbers[key] = self._last = len(self._ids)
        self._ids.append(id or "")
        return None
