"""What of a request a target cannot serve, by the tables of models: it is then skipped, before it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ranvier.errors.provider import ContextLengthError, InvalidRequestError, UnsupportedRequestError
from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document, is_text
from ranvier.messages.media.image import Image
from ranvier.messages.message import Media, ToolResult
from ranvier.messages.request import Request
from ranvier.messages.size import CHARACTERS_PER_TOKEN, characters_in
from ranvier.messages.wire import WirePart, WireTool
from ranvier.providers._models.capabilities import takes_only_text, window_of
from ranvier.providers._models.models import fit
from ranvier.providers._wire.fields import Extras, given_settings
from ranvier.providers._wire.media import untaken

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire


def lacking(wire: Wire, call: Call) -> InvalidRequestError | None:
    """Why the target of `call` cannot serve its request; `None` if it can, or if that is not known."""
    facts, request = wire.facts(call), call.request
    try:
        fit(*wire.rules(call), given_settings(call, Extras(call, *wire.addresses)))
    except UnsupportedRequestError as error:
        error.provider, error.model = wire.name, call.deployment.model
        return error.with_traceback(None)
    media = list(_media(request))
    if media and takes_only_text(facts):
        return wire.unsupported(call, "takes only text, no images or files")
    if reason := next(filter(None, (untaken(wire, call, each) for each in media)), ""):
        return wire.unsupported(call, reason)
    foreign = next(
        (each for each in media if isinstance(each, WirePart) and each.wire not in wire.wires), None
    )
    if foreign is not None:
        return wire.unsupported(call, f"takes no part of the type {foreign.type!r} of {foreign.wire!r:.60}")
    for tool in request.tools if request.tool_choice != "none" else ():
        if isinstance(tool, WireTool) and tool.wire not in wire.wires:
            return wire.unsupported(call, f"takes no tool of the type {tool.type!r} of {tool.wire!r:.60}")
    window = window_of(facts)
    if window is None or characters_in(request) <= CHARACTERS_PER_TOKEN * window:
        return None
    return ContextLengthError(
        f"{call.deployment} takes at most {window} tokens; nothing was sent: choose another target",
        provider=wire.name,
        model=call.deployment.model,
    )


def _media(request: Request) -> Iterator[Media | WirePart]:
    """The parts of the conversation that are neither tools nor text, nor sent as text."""
    for message in request.messages:
        if isinstance(message.content, str):
            continue
        for part in message.content:
            for each in part.parts if isinstance(part, ToolResult) else (part,):
                if isinstance(each, (Image, Document, Audio, WirePart)) and not is_text(each):
                    yield each
