"""Further fields of parts, messages and tools, as their `extra` gives them: which servers know which.

What a server knows is sent. Elsewhere a field that only tunes is left out, with an event; for one that
carries meaning the target cannot be asked. A server that is in no row speaks OpenAI's dialect and gets
everything, as it does with settings.

Sources: S, the vendor's SDK; D, its documentation; L, litellm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ranvier.events import ParameterDropped
from ranvier.messages.native import Native
from ranvier.messages.request import Part, Text
from ranvier.messages.wire import WirePart, WireTool
from ranvier.providers._reading.reading import Json

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

KNOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "anthropic": {  # S
        "text": "cache_control citations",
        "image": "cache_control",
        "call": "cache_control caller",
        "result": "cache_control",
        "tool": "cache_control strict input_examples defer_loading allowed_callers eager_input_streaming",
    },
    "openai": {  # S
        "text": "prompt_cache_breakpoint",
        "image": "prompt_cache_breakpoint",
        "message": "name audio",
        "tool": "strict",
    },
    "openrouter": {  # D
        "text": "cache_control",
        "image": "cache_control",
        "result": "cache_control",
        "message": "name",
        "tool": "cache_control strict",
    },
    "kimi": {"message": "name partial"},  # D
    "glm": {},
    "gemini": {},
    "ollama": {},
}
"""By provider and by what they belong to, the fields that it knows."""

TUNING: Final = frozenset(
    (
        *("cache_control", "prompt_cache_breakpoint", "citations", "caller", "detail", "name", "strict"),
        *("input_examples", "defer_loading", "eager_input_streaming", "extra_content"),
    )
)
"""They change the cost or the quality of an answer, and not what is asked."""

OF_ANSWERS: Final = frozenset(("annotations", "provider_specific_fields"))
"""What answers have and no API takes back."""


class PartFields:
    """The further fields of one request's parts, as far as its server knows them."""

    __slots__ = ("_adapter", "_call", "_known", "_left_out")

    def __init__(self, adapter: Wire, call: Call) -> None:
        self._adapter = adapter
        self._call = call
        self._known = KNOWN.get(adapter.facts(call).provider)
        self._left_out: set[str] = set()

    def accepted(self, kind: str, extra: Mapping[str, Any] | None) -> Json:
        """Those of `extra` to send with a `text`, `image`, `call`, `result`, `message` or `tool`.

        Raises:
            UnsupportedRequestError: one that the server does not know carries meaning.
        """
        if not extra:
            return {}
        known = extra.keys() if self._known is None else self._known.get(kind, "").split()
        fields = {}
        for name, value in extra.items():
            if name in known and (name not in OF_ANSWERS or kind == "call"):
                fields[name] = value
            elif name in TUNING or name in OF_ANSWERS:
                self.leave_out(name)
            else:
                raise self._adapter.unsupported(
                    self._call, f"does not know the field {name!r:.60} of a {kind}"
                )
        return fields

    def leave_out(self, name: str) -> None:
        """Tell listeners that the field is not sent; once for each request."""
        events = self._call.pipeline.events
        if name not in self._left_out and events.listeners:
            events.emit(
                ParameterDropped(
                    parameter=name,
                    tenant=self._call.tenant,
                    provider=self._adapter.name,
                    model=self._call.deployment.model,
                )
            )
        self._left_out.add(name)

    def instructions(self) -> list[Text]:
        """The parts of the system's messages within the conversation, where its wire takes words alone.

        Raises:
            UnsupportedRequestError: there is something else among them, a picture say.
        """
        words: list[Text] = []
        for message in self._call.request.messages:
            if message.role == "system":
                self.accepted("message", message.extra)
                words += [self._words(part) for part in message.parts if not isinstance(part, Native)]
        return words

    def _words(self, part: Part) -> Text:
        if isinstance(part, Text):
            return part
        raise self._adapter.unsupported(self._call, "takes nothing but words as instructions")

    def of_wire(self, part: WirePart | WireTool, *wires: str) -> Json:
        """What only one wire has, as it is sent to a server of these.

        Raises:
            UnsupportedRequestError: this one is another.
        """
        if part.wire in wires:
            return dict(part.data)
        kind = "tool" if isinstance(part, WireTool) else "part"
        reason = f"takes no {kind} of the type {part.type!r}, which only the wire {part.wire!r:.60} has"
        raise self._adapter.unsupported(self._call, reason)
