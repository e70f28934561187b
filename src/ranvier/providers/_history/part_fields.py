"""Extra fields of parts, messages and tools (their `extra`), and which servers support them.

A supported field is sent. An unsupported field that only tunes is dropped, with an event; with one that
carries meaning, the target cannot serve the request. A server without a row in the table speaks OpenAI's
dialect and gets every field, as with settings.

Sources: S, the vendor's SDK; D, its documentation; L, litellm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ranvier.events import ParameterDropped
from ranvier.messages.message import Part, Text
from ranvier.messages.native import Native
from ranvier.messages.wire import WirePart, WireTool
from ranvier.providers._reading.reading import Json

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

KNOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "anthropic": {  # S
        "text": "cache_control citations",
        "image": "cache_control",
        "document": "cache_control citations context",
        "call": "cache_control caller",
        "result": "cache_control",
        "tool": "cache_control strict input_examples defer_loading allowed_callers eager_input_streaming",
    },
    "openai": {  # S
        "text": "prompt_cache_breakpoint",
        "image": "prompt_cache_breakpoint",
        "document": "prompt_cache_breakpoint",
        "audio": "prompt_cache_breakpoint",
        "message": "name audio",
        "tool": "strict",
    },
    "responses": {  # S
        "text": "prompt_cache_breakpoint",
        "image": "prompt_cache_breakpoint",
        "document": "prompt_cache_breakpoint detail",
        "message": "phase",
        "tool": "strict",
    },
    "converse": {"document": "citations context", "tool": "strict"},  # S
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
"""The fields that a provider supports, by what they belong to."""

TUNING: Final = frozenset(
    (
        *("cache_control", "prompt_cache_breakpoint", "citations", "caller", "detail", "name", "strict"),
        *("input_examples", "defer_loading", "eager_input_streaming", "extra_content", "phase"),
    )
)
"""Fields that change the cost or quality of an answer, not the meaning of the request."""

OF_ANSWERS: Final = frozenset(("annotations", "provider_specific_fields"))
"""Fields of answers that no API accepts back."""


class PartFields:
    """The extra fields of one request's parts that its server supports."""

    __slots__ = ("_adapter", "_call", "_known", "_left_out")

    def __init__(self, adapter: Wire, call: Call) -> None:
        self._adapter = adapter
        self._call = call
        self._known = KNOWN.get(adapter.rules(call).provider)
        self._left_out: set[str] = set()

    def accepted(self, kind: str, extra: Mapping[str, Any] | None) -> Json:
        """The fields of `extra` to send with a part of that kind, a `message` or a `tool`.

        Raises:
            UnsupportedRequestError: an unsupported field carries meaning.
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
                    self._call, f"does not support the field {name!r:.60} of a {kind}"
                )
        return fields

    def leave_out(self, name: str) -> None:
        """Emit an event that the field is not sent, once per request."""
        events = self._call.pipeline.events
        if name not in self._left_out and events.hears(ParameterDropped):
            events.emit(
                ParameterDropped(
                    parameter=name,
                    tenant=self._call.tenant,
                    provider=self._adapter.name,
                    model=self._call.deployment.model,
                    metadata=self._call.record.metadata,
                )
            )
        self._left_out.add(name)

    def instructions(self) -> list[Text]:
        """The parts of system messages within the conversation, for a wire that takes them only as text.

        Raises:
            UnsupportedRequestError: one of them is not text, for example an image.
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
        raise self._adapter.unsupported(self._call, "takes only text as instructions")

    def of_wire(self, part: WirePart | WireTool, *wires: str) -> Json:
        """The data of a wire-specific part or tool, for a server that speaks `wires`.

        Raises:
            UnsupportedRequestError: `part` is for another wire.
        """
        if part.wire in wires:
            return dict(part.data)
        kind = "tool" if isinstance(part, WireTool) else "part"
        reason = f"takes no {kind} of the type {part.type!r}, which only the wire {part.wire!r:.60} has"
        raise self._adapter.unsupported(self._call, reason)
