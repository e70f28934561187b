"""The requests that Anthropic rejects, with its own error messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ranvier.simulator.wires.opaque import signs
from ranvier.simulator.wires.reading import Unacceptable, invalid
from ranvier.simulator.wires.rules import thinking

Json = dict[str, Any]

_PARAMETERS = """
    model max_tokens messages system stop_sequences stream temperature top_p top_k tools tool_choice
    thinking output_config metadata service_tier container context_management mcp_servers inference_geo
    cache_control speed"""
PARAMETERS: Final = frozenset(_PARAMETERS.split())

NEWEST: Final = (
    *("claude-fable-5", "claude-mythos-5", "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5"),
    *("claude-sonnet-5", "claude-haiku-5-5"),
)
"""Their sampling settings are fixed, and they accept no prefill of the answer."""

NO_PREFILL: Final = (*NEWEST, "claude-opus-4-6", "claude-sonnet-4-6", "claude-mythos-preview")
LIMITS: Final = (
    ((*NEWEST, "claude-opus-4-6", "claude-sonnet-4-6"), 128_000),
    (("claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-5"), 64_000),
)
NOT_FORCED: Final = (
    *("claude-fable-5-1", "claude-fable-5-2", "claude-mythos-5-1", "claude-mythos-5-2"),
    *("claude-opus-5-5", "claude-sonnet-5-5"),
)
"""They cannot be forced to call a tool."""

ID: Final = r"^[a-zA-Z0-9_-]+$"
NAME: Final = r"^[a-zA-Z0-9_-]{1,128}$"


def check(body: Json, model: str, messages: list[Json]) -> None:
    """Raise `Unacceptable` if Anthropic would reject the request; no `model` skips the rules of models."""
    for name in body:
        if name not in PARAMETERS:
            raise invalid(f"{name}: Extra inputs are not permitted")
    _check_limit(body, model)
    _check_sampling(body, model)
    if model:
        thinking.check(body, model)
    for position, message in enumerate(messages):
        _check_message(position, message)
    _check_calls(messages)
    if messages[-1]["role"] == "assistant" and model.startswith(NO_PREFILL):
        raise invalid(
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )
    _check_tools(body, model)
    _check_form(body)


def _check_limit(body: Json, model: str) -> None:
    limit = body.get("max_tokens")
    if limit is None:
        raise invalid("max_tokens: Field required")
    if not isinstance(limit, int) or limit < 1:
        raise invalid("max_tokens: Input should be greater than or equal to 1")
    most = next((most for models, most in LIMITS if model.startswith(models)), limit)
    if limit > most:
        raise invalid(
            f"max_tokens: {limit} > {most}, which is the maximum allowed number of output tokens for {model}"
        )


def _check_sampling(body: Json, model: str) -> None:
    for name in ("temperature", "top_p", "top_k"):
        if body.get(name) is not None and model.startswith(NEWEST):
            words = f"`{name}` is deprecated for this model."
            raise Unacceptable(400, "unsupported_parameter", message=words)
    if not 0 <= (body.get("temperature") or 0) <= 1:
        raise invalid("temperature: range: 0..1")


def _check_message(position: int, message: Json) -> None:
    where = f"messages.{position}"
    role = message.get("role")
    if role == "system":
        raise invalid(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, '
            'not "system" as an input message role.'
        )
    if role not in ("user", "assistant"):
        raise invalid(f"{where}.role: Input should be 'user' or 'assistant'")
    if position == 0 and role != "user":
        raise invalid('messages: first message must use the "user" role')
    if not message.get("content"):
        raise invalid(f"{where}: user messages must have non-empty content")
    for index, block in enumerate(_blocks(message)):
        _check_block(f"{where}.content.{index}", block)


def _check_block(where: str, block: Json) -> None:
    kind = block["type"]
    if kind == "text" and not block["text"]:
        raise invalid("messages: text content blocks must be non-empty")
    for name in ("id", "tool_use_id"):
        if kind in ("tool_use", "tool_result") and name in block and not re.match(ID, block[name]):
            raise invalid(f"{where}.{kind}.{name}: String should match pattern '{ID}'")
    if kind == "tool_use" and not isinstance(block.get("input"), dict):
        raise invalid(f"{where}.tool_use.input: Input should be a valid dictionary")
    if kind == "thinking" and not block.get("signature"):
        raise invalid(f"{where}.thinking.signature: Field required")
    if kind == "thinking" and not signs(block["signature"], block.get("thinking", "")):
        raise invalid(f"{where}: Invalid `signature` in `thinking` block")


def _blocks(message: Json) -> list[Json]:
    """The content as a list of blocks."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _ids(message: Json, kind: str, name: str) -> list[str]:
    return [block[name] for block in _blocks(message) if block["type"] == kind]


def _check_calls(messages: list[Json]) -> None:
    """Check that the message after a turn with calls has the results of all of them, and no others."""
    waiting: list[str] = []
    for position, message in enumerate(messages):
        results = _ids(message, "tool_result", "tool_use_id")
        if missing := [used for used in waiting if used not in results]:
            raise _unanswered(position - 1, missing)
        if strange := [used for used in results if used not in waiting]:
            raise invalid(
                f"messages.{position}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{', '.join(strange)}. Each `tool_result` block must have a corresponding `tool_use` block "
                "in the previous message."
            )
        waiting = _ids(message, "tool_use", "id")
    if waiting:
        raise _unanswered(len(messages) - 1, waiting)


def _unanswered(position: int, ids: list[str]) -> Unacceptable:
    return invalid(
        f"messages.{position}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
        "message."
    )


def _check_tools(body: Json, model: str) -> None:
    choice = body.get("tool_choice") or {}
    if choice and not body.get("tools"):
        raise invalid("tool_choice: tool_choice may only be specified while providing tools")
    if choice.get("type") in ("any", "tool") and model.startswith(NOT_FORCED):
        raise invalid(f"tool_choice: '{choice['type']}' is not supported for this model")
    for position, tool in enumerate(body.get("tools") or ()):
        where = f"tools.{position}.custom"
        if not re.match(NAME, tool["name"]):
            raise invalid(f"{where}.name: String should match pattern '{NAME}'")
        if (
            tool.get("type", "custom") == "custom"
            and (tool.get("input_schema") or {}).get("type") != "object"
        ):
            raise invalid(f"{where}.input_schema.type: Input should be 'object'")


def _check_form(body: Json) -> None:
    form = (body.get("output_config") or {}).get("format") or {}
    for complaint in _open(form.get("schema")):
        raise invalid(f"output_config.format.schema: {complaint}")


def _open(schema: Any) -> Iterator[str]:
    """What Anthropic rejects in the schema of an answer."""
    if isinstance(schema, list):
        for each in schema:
            yield from _open(each)
    if not isinstance(schema, Mapping):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
    kind = schema.get("type")
    for word in ("minimum", "maximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems"):
        if isinstance(kind, str) and word in schema:
            yield f"For '{kind}' type, property '{word}' is not supported"
    for word, within in schema.items():
        yield from _open(within if word != "properties" else list(within.values()))
