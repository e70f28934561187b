"""The fields of chat completions in the words of the Responses API, and what only chat completions carry.

A caller's own fields (`extra`, and a deployment's `options`) may be written for either API of OpenAI's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ranvier.errors.provider import UnsupportedRequestError
from ranvier.messages.media.audio import Audio
from ranvier.messages.message import ToolResult
from ranvier.messages.native import CHAT_COMPLETIONS
from ranvier.messages.wire import WirePart, WireTool
from ranvier.providers._models.models import Facts, fit
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.fields import Extras, given_settings

if TYPE_CHECKING:
    from ranvier.messages.request import Request
    from ranvier.pipeline.call import Call

ONLY_CHAT: Final = frozenset(
    (
        *("stop", "seed", "n", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"),
        *("audio", "modalities", "prediction", "web_search_options", "functions", "function_call"),
        "messages",
    )
)
"""Fields of chat completions without a counterpart."""

PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "reasoning_effort": ("reasoning", "effort"),
    "verbosity": ("text", "verbosity"),
    "response_format": ("text", "format"),
}
"""Fields of chat completions that are inside an object here."""

LIMITS: Final = ("max_tokens", "max_completion_tokens")


# --- which API -----------------------------------------------------------------------------------


def needs_chat(call: Call, facts: Facts, extras: Extras) -> bool:
    """True if only chat completions can carry the request of `call`, to a model with these `facts`.

    A setting that the model takes nowhere is no reason.
    """
    if not all(map(ONLY_CHAT.isdisjoint, extras.fields)):
        return True
    return _is_kept(call, facts, extras) or any(
        isinstance(each, Audio)
        or (isinstance(each, (WirePart, WireTool)) and each.wire in (facts.provider, CHAT_COMPLETIONS))
        for each in (*call.request.tools, *_parts(call.request))
    )


def _is_kept(call: Call, facts: Facts, extras: Extras) -> bool:
    """True if chat completions keep a setting that they alone have."""
    given = {name: value for name, value in given_settings(call, extras).items() if value is not None}
    try:
        return not (ONLY_CHAT.isdisjoint(given) or ONLY_CHAT.isdisjoint(fit(*facts, given).parameters))
    except UnsupportedRequestError:
        return False


def _parts(request: Request) -> Iterable[object]:
    for message in request.messages:
        if not isinstance(message.content, str):
            for part in message.content:
                yield from part.parts if isinstance(part, ToolResult) else (part,)


# --- their names ---------------------------------------------------------------------------------


def in_our_words(more: Mapping[str, Any], fields: Json) -> Mapping[str, Any]:
    """The fields `more`, those of chat completions under their names here; `fields` is the request so far."""
    if more.keys().isdisjoint(_TRANSLATED):
        return more
    own = dict(more)
    for name in LIMITS:
        if name in own:
            own.setdefault("max_output_tokens", own.pop(name))
    for name, (outer, inner) in PLACES.items():
        if name in own:
            value = _flat(own.pop(name)) if name == "response_format" else own.pop(name)
            own[outer] = {inner: value, **(own.get(outer) or {})}
    if isinstance(own.get("tools"), list):
        own["tools"] = [_flat(tool) for tool in own["tools"]]
    if "tool_choice" in own:
        own["tool_choice"] = _flat(own["tool_choice"])
    if isinstance(own.get("include"), (list, tuple)):
        own["include"] = list(dict.fromkeys((*fields.get("include", ()), *own["include"])))
    if isinstance(own.get("stream_options"), Mapping):  # the usage always comes
        options = {name: each for name, each in own["stream_options"].items() if name != "include_usage"}
        own.pop("stream_options")
        own |= {"stream_options": options} if options else {}
    return own


def _flat(value: Any) -> Any:
    """A function or a schema that chat completions wrap in another object, without the wrapper."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind not in ("function", "json_schema") or not isinstance(value.get(kind), Mapping):
        return value
    return {"type": kind, **value[kind]}


_TRANSLATED: Final = frozenset((*PLACES, *LIMITS, "tools", "tool_choice", "include", "stream_options"))
