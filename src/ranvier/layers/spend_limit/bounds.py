"""An upper bound of the tokens that a request can cost; the exact number is not known in advance.

A token is at least one byte, so the UTF-8 length of a text bounds its tokens. Images, the provider's own
additions and the output limit are added. Some inputs have no known bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document, is_text
from ranvier.messages.media.image import Image
from ranvier.messages.message import Message, Part, Text, ToolCall, ToolResult
from ranvier.messages.native import Native
from ranvier.messages.stateful_fields import any_stateful
from ranvier.messages.wire import WirePart, WireTool

if TYPE_CHECKING:
    from ranvier.messages.request import Request
    from ranvier.pipeline.deployment import Deployment

ADDED = 1_000
"""Tokens that a provider may add to any request: its instructions for tools and structured answers."""

ADDED_PER_PART = 32
"""Tokens for the framing of a message, a part or a tool."""

REWRITTEN = 2
"""The factor for schemas: a schema may be sent twice, as a field and in the instructions."""

IMAGE_TOKENS: Final = {"anthropic": 5_000, "gemini": 5_000}
"""The most tokens of one image, by vendor."""

OTHER_IMAGE_TOKENS = 50_000
"""The most tokens of one image at any other vendor: some count small models' images at a high rate."""

OUTPUT_LIMITS: Final = frozenset(
    ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "num_predict")
)
"""Wire fields that limit the output."""

HOLD_LIMITS: Final = frozenset(("generationConfig", "options"))
"""Wire fields that contain such fields."""

LEAST_OUTPUT = 16
"""The smallest limit that all vendors accept: an adapter raises a smaller one if the vendor rejects it."""

REPRICED: Final = frozenset(
    ("audio", "inference_geo", "modalities", "models", "route", "service_tier", "speed")
)
"""Wire fields that select another price."""


class Size(NamedTuple):
    """The size of an input, which bounds its tokens.

    Attributes:
        tokens: The bound without images; `None` if there is none.
        images: The number of images.
        reason: Why there is no bound, as a text.
    """

    tokens: int | None
    images: int = 0
    reason: str = ""


class _UnboundedError(Exception):
    """Something in the request has no bound."""


def size_of(request: Request) -> Size:
    """The size of the input of `request`, the same for every target."""
    try:
        tokens = _text(request.system or "") + ADDED + sum(map(_message, request.messages))
        images = sum(map(_images_in, request.messages))
        if request.tools:
            tokens += sum(map(_tool, request.tools))
        if request.schema is not None:
            tokens += REWRITTEN * _json(request.schema.definition)
        tokens += _extra(request.extra)
    except _UnboundedError as unbounded:
        return Size(None, reason=str(unbounded))
    except (TypeError, ValueError, RecursionError):
        return Size(None, reason="part of the request cannot be measured")
    return Size(tokens, images)


def input_bound(size: Size, target: Deployment, image_tokens: Mapping[str, int]) -> int | None:
    """The most input tokens at `target`; `None` if there is no bound."""
    tokens = size.tokens
    if target.options:
        extra = None if _unbounded(target.options) else _json(target.options)
        tokens = None if tokens is None or extra is None else tokens + extra
    if tokens is None:
        return None
    each = image_tokens.get(target.target) or IMAGE_TOKENS.get(target.traits.family, OTHER_IMAGE_TOKENS)
    return tokens + size.images * each


def output_bound(request: Request, target: Deployment) -> int | None:
    """The most output tokens at `target`: the largest limit that might be sent; `None` if there is none.

    Limits for other providers are ignored. A value that is not a limit may switch the other limits off.
    """
    if not request.extra and not target.options:
        return None if request.max_tokens is None else max(LEAST_OUTPUT, request.max_tokens)
    own = HOLD_LIMITS | {target.traits.family, target.provider.name}
    fields = request.extra, target.options
    sent: list[Any] = [] if request.max_tokens is None else [request.max_tokens]
    if not sent and not any(True for each in fields for _ in _limits_in(each, own)):
        return None
    sent += [limit for each in fields for limit in _limits_in(each, None)]
    if any(isinstance(limit, bool) or not isinstance(limit, int) or limit <= 0 for limit in sent):
        return None
    return int(max(LEAST_OUTPUT, *sent))


def _limits_in(fields: Mapping[str, Any], within: frozenset[str] | None) -> Iterator[Any]:
    """The limits in `fields`, and in the nested fields named in `within`; `None` means all nested fields."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            if within is None or name in within:
                yield from _limits_in(value, within)
        elif name in OUTPUT_LIMITS:
            yield value


def _message(message: Message) -> int:
    frame = ADDED_PER_PART if message.extra is None else ADDED_PER_PART + _json(message.extra)
    if isinstance(message.content, str):
        return frame + _text(message.content) + ADDED_PER_PART
    return frame + sum(_part(part) + ADDED_PER_PART for part in _framed(message))


def _images_in(message: Message) -> int:
    if isinstance(message.content, str):
        return 0
    return sum(isinstance(part, Image) for part in _framed(message))


def _framed(message: Message) -> Iterable[Part]:
    """The parts of a message, with those of its tool results."""
    for part in message.parts:
        yield part
        if isinstance(part, ToolResult):
            yield from part.parts


def _part(part: Part) -> int:
    if isinstance(part, Text):
        return _text(part.text) + _json(part.extra)
    if isinstance(part, ToolCall):
        arguments = _json(part.arguments) + _text(part.invalid or "")
        native = 0 if part.native is None else _json(part.native.data)
        return _text(part.id) + _text(part.name) + arguments + native + _json(part.extra)
    if isinstance(part, ToolResult):  # what it contains is counted as parts
        return _text(part.call_id) + _text(part.name) + _json(part.extra)
    if isinstance(part, Native):
        return _json(part.data)
    if is_text(part):
        return _text(part.marked) + _text(part.name or "") + _json(part.extra)
    if isinstance(part, (Document, Audio)):
        raise _UnboundedError(f"{'sound' if isinstance(part, Audio) else 'a PDF'} has no known bound")
    if isinstance(part, WirePart):
        raise _UnboundedError(f"a part of type {part.type!r} has no known size")
    return _json(part.extra)


def _tool(tool: Any) -> int:
    if isinstance(tool, WireTool):
        raise _UnboundedError(f"the provider runs the tool {tool.type!r} and adds its results")
    described = _text(tool.name) + _text(tool.description) + _json(tool.extra)
    return REWRITTEN * (described + _json(tool.parameters)) + ADDED_PER_PART


def _extra(extra: Mapping[str, Any]) -> int:
    if not extra:
        return 0
    if reason := _unbounded(extra):
        raise _UnboundedError(reason)
    return _json(extra)


def _unbounded(fields: Mapping[str, Any]) -> str:
    """Why wire fields have no bound; empty if they have one."""
    if any_stateful(fields):
        return "the provider adds to the request: tools that it runs, or kept state"
    return "a field selects another price" if _has(fields, REPRICED) else ""


def _has(fields: Mapping[str, Any], names: frozenset[str]) -> bool:
    return not names.isdisjoint(fields) or any(
        _has(value, names) for value in fields.values() if isinstance(value, Mapping)
    )


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _json(value: Any) -> int:
    """The bytes of `value` as JSON in ASCII, its longest form."""
    return 0 if value is None else len(json.dumps(value, default=dict))
