"""The pieces of a streamed chat completion: text deltas, and fragments of tool calls."""

from __future__ import annotations

import json
import re
from typing import Final

from ranvier.messages.message import ToolCall
from ranvier.messages.native import CHAT_COMPLETIONS, Native
from ranvier.messages.response import ToolCallDelta
from ranvier.providers._history.call_ids import new_call_id
from ranvier.providers._reading import json as _json
from ranvier.providers._reading.reading import Json, entry, label, text

KEPT_OF_CALLS: Final = ("extra_content", "provider_specific_fields")
"""Fields of a call to send back with it: Google puts its signature in the first, LiteLLM in the second."""


def kept_of(call: Json) -> Native | None:
    """The opaque fields of a call, which only its issuer can read."""
    data = {name: call[name] for name in KEPT_OF_CALLS if call.get(name)}
    return Native(CHAT_COMPLETIONS, data) if data else None


def only_words(body: Json) -> str:
    """The text of a chunk that holds nothing else, as nearly all do; empty if there is more to read."""
    try:
        (choice,) = body["choices"]
        delta = choice["delta"]
        words = delta["content"]
    except (KeyError, TypeError, ValueError):
        return ""
    if type(words) is not str or (len(delta) > 1 and (len(delta) > 2 or "role" not in delta)):
        return ""
    more = body.get("usage") or choice.get("usage") or choice.get("error") or choice.get("index")
    more = more or choice.get("logprobs")
    return "" if more or choice.get("finish_reason") is not None else words


def read_arguments(value: object) -> str:
    """The arguments of a tool call as JSON text; some servers send an object, an empty one as a list."""
    if isinstance(value, dict) or value == []:
        return json.dumps(value) if value else ""
    return text(value, "arguments")


def read_call(given: object, name: str, arguments: object) -> ToolCall:
    """A tool call with that id, whose arguments are an object or JSON text, whichever the wire sends."""
    call_id = label(given) or new_call_id()
    if isinstance(arguments, dict):
        return ToolCall(call_id, name, arguments)
    return ToolCall.parse(call_id, name, read_arguments(arguments))


def tool_name(value: object) -> str | None:
    """The name of the called tool; a call without a name is ignored."""
    return value if isinstance(value, str) and value.strip() else None


class CallsInFlight:
    """Assigns fragments to tool calls.

    A fragment is matched by `index`, or by `id` if a server sends no index. Some servers give every call the
    index 0 and no id: there, a new call begins with another id or another name, or if the name is repeated
    after complete arguments. A whole call that is repeated with its id adds nothing, however often it comes.
    Fragments are held back until the name of their call arrives.
    """

    def __init__(self) -> None:
        self._at: dict[object, _Begun] = {}  # the latest call, by index or id
        self._begun: list[_Begun] = []
        self._named = 0

    @property
    def any(self) -> bool:
        """True once a call has begun."""
        return self._named > 0

    @property
    def whole(self) -> bool:
        """True if the arguments of every call are a JSON object, so that nothing can be missing."""
        return all(call.is_whole for call in self._begun)

    def fragment(self, call: Json) -> ToolCallDelta | None:
        """The delta that a fragment adds to its call; `None` while that call has no name."""
        function = entry(call.get("function") or call.get("custom"), "function")
        given, name = label(call.get("id")), tool_name(function.get("name"))
        arguments = read_arguments(function.get("arguments", function.get("input")))
        index = _index(call.get("index"))
        begun = self._continued(index, given, name)
        known = None if given is None else self._at.get(given)
        if known is not None and known.is_repeated_by(given, name, arguments):
            begun, arguments = known, ""
        if begun is None or (name is not None and begun.is_followed_by(given, name, arguments)):
            repeated = begun is not None and begun.name == name and not given
            begun = _Begun(doubtful=repeated)
            self._begun.append(begun)
            self._at[given if index is None else index] = begun
            if given is not None:
                self._at[given] = begun
        begun.native = kept_of(call) or begun.native
        delta = begun.add(given, name, arguments, self._named)
        self._named += delta is not None and delta.name is not None
        return delta

    def _continued(self, index: int | None, given: str | None, name: str | None) -> _Begun | None:
        """The call that a fragment continues, unless its name shows that it begins another."""
        by_id = self._at.get(given) if given is not None else None
        if index is not None:
            begun = self._at.get(index)
            if by_id is not None and name is None and (begun is None or begun.id != given):
                return by_id  # an id is more specific than an index that all calls share
            return begun
        return by_id or (self._begun[-1] if self._begun and name is None else None)


def _index(value: object) -> int | None:
    """The index of a call; some servers send it as a str, or as 1.0."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value[:9])
    return int(value) if isinstance(value, int | float) and -1e9 < value < 1e9 else None


class _Begun:
    """A call whose fragments are still arriving."""

    __slots__ = ("_arguments", "_doubtful", "_number", "id", "name", "native")

    def __init__(self, *, doubtful: bool) -> None:
        self.id: str | None = None
        self.name: str | None = None
        self.native: Native | None = None  # its opaque fields, not yet emitted
        self._number: int | None = None  # set once the call has been emitted
        self._arguments = _Arguments()
        self._doubtful = doubtful  # its server may only have repeated a name: wait for arguments

    @property
    def is_whole(self) -> bool:
        """True if its arguments are a JSON object."""
        try:
            return isinstance(_json.read(self._arguments.text.encode()), dict)
        except (ValueError, RecursionError):
            return False

    def is_followed_by(self, given: str | None, name: str, arguments: str) -> bool:
        """True if a fragment with that name begins another call instead of continuing this one."""
        if given and self.id and given != self.id:  # some servers make a new id for every fragment
            return self.name != name or not self._arguments.in_flight
        if self.name is None or self.name != name:
            return self.name is not None
        if not self._arguments.complete:
            return False
        if given and given == self.id:  # another call with the same id, unless it adds nothing
            return bool(arguments.strip())
        return True

    def is_repeated_by(self, given: str | None, name: str | None, arguments: str) -> bool:
        """True if a fragment is this whole call again."""
        same = (given, name) == (self.id, self.name) and bool(arguments.strip())
        return same and self._arguments.complete and arguments == self._arguments.text

    def add(self, given: str | None, name: str | None, arguments: str, number: int) -> ToolCallDelta | None:
        """The delta that a fragment adds; `number` is the call's index if this fragment makes it known."""
        self.id, self.name = self.id or given, self.name or name
        if arguments:
            self._arguments.pieces.append(arguments)
        if self._number is not None:
            return ToolCallDelta(self._number, arguments=arguments, native=self._new_native())
        if self.name is None or (self._doubtful and not arguments.strip()):
            return None
        self._number = number
        given, text = self.id or new_call_id(), self._arguments.text
        return ToolCallDelta(number, given, self.name, text, self._new_native())

    def _new_native(self) -> Native | None:
        native, self.native = self.native, None
        return native


class _Arguments:
    """The text of arguments, and whether the object in it is complete; reads each character once."""

    __slots__ = ("_depth", "_escaped", "_looked_at", "_opened", "_quoted", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._looked_at = 0  # number of pieces read
        self._depth = 0
        self._opened = self._quoted = self._escaped = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def in_flight(self) -> bool:
        """True if the object has begun and is not complete."""
        return not self.complete and self._opened

    @property
    def complete(self) -> bool:
        for piece in filter(None, self.pieces[self._looked_at :]):
            self._look_at(piece)
        self._looked_at = len(self.pieces)
        return self._opened and self._depth <= 0

    def _look_at(self, piece: str) -> None:
        begin, self._escaped = (1 if self._escaped else 0), False
        for mark in _MARKS.finditer(piece, begin):
            what = mark.group()
            if what == '"':
                self._quoted = not self._quoted
            elif what == "\\":  # the escaped character comes with the next piece
                self._escaped = True
            elif what in "{}" and not self._quoted:
                self._opened, self._depth = True, self._depth + (1 if what == "{" else -1)


_MARKS: Final = re.compile(r'\\.?|["{}]', re.DOTALL)
