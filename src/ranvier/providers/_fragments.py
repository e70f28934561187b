"""The pieces in which chat completions are streamed: words alone, and tool calls in fragments."""

from __future__ import annotations

import json
import re
from typing import Final

from ranvier.messages import CHAT_COMPLETIONS, Native, ToolCallDelta
from ranvier.messages.lenient import arguments_in
from ranvier.providers import _json
from ranvier.providers._call_ids import new_call_id
from ranvier.providers._reading import Json, entry, label, text

KEPT_OF_CALLS: Final = ("extra_content", "provider_specific_fields")
"""Fields of a call that go back with it: Google keeps its signature in the first, LiteLLM in the second."""


def kept_of(call: Json) -> Native | None:
    """What of a call only its issuer understands."""
    data = {name: call[name] for name in KEPT_OF_CALLS if call.get(name)}
    return Native(CHAT_COMPLETIONS, data) if data else None


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
    """The arguments of a tool call as JSON; some servers send the object itself, an empty one as a list."""
    if isinstance(value, dict) or value == []:
        return json.dumps(value) if value else ""
    return text(value, "arguments")


def read_input(value: object, what: str) -> Json:
    """The arguments of a tool call on a wire that sends them as an object; some gateways send its text."""
    if value == []:
        return {}
    if isinstance(value, str) and (arguments := arguments_in(value)) is not None:
        return arguments
    return entry(value, what)


def tool_name(value: object) -> str | None:
    """The name of the tool that is called; a call without one does not exist."""
    return value if isinstance(value, str) and value.strip() else None


class CallsUnderWay:
    """Which fragment belongs to which tool call.

    By `index`; where a server sends none, by `id`. Some servers give every call the index 0, and no ids:
    there another call begins where another id or another name comes, and where the name is repeated after
    arguments that are complete. Fragments of a call wait for its name: until it comes, there is no such call.
    """

    def __init__(self) -> None:
        self._at: dict[object, _Begun] = {}  # the call under way, by index or id
        self._begun: list[_Begun] = []
        self._named = 0

    @property
    def any(self) -> bool:
        """True once a call has begun."""
        return self._named > 0

    @property
    def whole(self) -> bool:
        """True where the arguments of every call are a JSON object, so that nothing can be missing."""
        return all(call.is_whole for call in self._begun)

    def fragment(self, call: Json) -> ToolCallDelta | None:
        """What a fragment adds, and to which call; `None` while that call has no name."""
        function = entry(call.get("function") or call.get("custom"), "function")
        given, name = label(call.get("id")), tool_name(function.get("name"))
        arguments = read_arguments(function.get("arguments", function.get("input")))
        index = _index(call.get("index"))
        begun = self._continued(index, given, name)
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
                return by_id  # an id says more than an index that all calls share
            return begun
        return by_id or (self._begun[-1] if self._begun and name is None else None)


def _index(value: object) -> int | None:
    """The number of a call; some servers write it as a text, or as 1.0."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value[:9])
    return int(value) if isinstance(value, int | float) and -1e9 < value < 1e9 else None


class _Begun:
    """A call of which fragments still come in."""

    __slots__ = ("_arguments", "_doubtful", "_number", "id", "name", "native")

    def __init__(self, *, doubtful: bool) -> None:
        self.id: str | None = None
        self.name: str | None = None
        self.native: Native | None = None  # what only the issuer understands of it, not yet told
        self._number: int | None = None  # once it has been told
        self._arguments = _Arguments()
        self._doubtful = doubtful  # its server may only have repeated a name: it waits for arguments

    @property
    def is_whole(self) -> bool:
        """True where its arguments are a JSON object."""
        try:
            return isinstance(_json.read(self._arguments.text.encode()), dict)
        except (ValueError, RecursionError):
            return False

    def is_followed_by(self, given: str | None, name: str, arguments: str) -> bool:
        """True where a fragment with that name is not one of this call, but begins another."""
        if given and self.id and given != self.id:  # some servers make a new id for every fragment
            return self.name != name or not self._arguments.under_way
        if self.name is None or self.name != name:
            return self.name is not None
        if not self._arguments.complete:
            return False
        if given and given == self.id:  # the whole call once more, or another by the same id
            return bool(arguments.strip()) and arguments != self._arguments.text
        return True

    def add(self, given: str | None, name: str | None, arguments: str, number: int) -> ToolCallDelta | None:
        """What a fragment adds; `number` is that of the call, if this is what it was waiting for."""
        self.id, self.name = self.id or given, self.name or name
        self._arguments.pieces.append(arguments)
        if self._number is not None:
            return ToolCallDelta(self._number, arguments=arguments, native=self._untold())
        if self.name is None or (self._doubtful and not arguments.strip()):
            return None
        self._number = number
        given, text = self.id or new_call_id(), self._arguments.text
        return ToolCallDelta(number, given, self.name, text, self._untold())

    def _untold(self) -> Native | None:
        native, self.native = self.native, None
        return native


class _Arguments:
    """The text of arguments, and whether the object in it is complete; it looks at each character once."""

    __slots__ = ("_depth", "_escaped", "_looked_at", "_opened", "_quoted", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._looked_at = 0  # how many of them
        self._depth = 0
        self._opened = self._quoted = self._escaped = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def under_way(self) -> bool:
        """True where more of the object in it must follow."""
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
            elif what == "\\":  # what it escapes comes with the next piece
                self._escaped = True
            elif what in "{}" and not self._quoted:
                self._opened, self._depth = True, self._depth + (1 if what == "{" else -1)


_MARKS: Final = re.compile(r'\\.?|["{}]', re.DOTALL)
