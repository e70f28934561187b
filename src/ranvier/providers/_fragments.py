"""Tool calls that come in fragments, as chat completions stream them."""

from __future__ import annotations

import json
from typing import Final

from ranvier.messages import CHAT_COMPLETIONS, Native, ToolCallDelta
from ranvier.providers._call_ids import new_call_id
from ranvier.providers._reading import Json, entry, label, text

KEPT_OF_CALLS: Final = ("extra_content", "provider_specific_fields")
"""Fields of a call that go back with it: Google keeps its signature in the first, LiteLLM in the second."""


def kept_of(call: Json) -> Native | None:
    """What of a call only its issuer understands."""
    data = {name: call[name] for name in KEPT_OF_CALLS if call.get(name)}
    return Native(CHAT_COMPLETIONS, data) if data else None


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
        self._last: int | None = None

    @property
    def any(self) -> bool:
        """True once a call has begun."""
        return bool(self._ids)

    def fragment(self, call: Json) -> ToolCallDelta:
        """What a fragment adds, and to which call."""
        function = entry(call.get("function"), "function")
        given, name = label(call.get("id")), label(function.get("name"))
        arguments = read_arguments(function.get("arguments"))
        number = self._number(call.get("index"), given, name)
        if number is not None:
            return ToolCallDelta(number, arguments=arguments, native=kept_of(call))
        return ToolCallDelta(len(self._ids) - 1, given or new_call_id(), name, arguments, kept_of(call))

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
