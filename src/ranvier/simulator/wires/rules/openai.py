"""The requests that OpenAI rejects, with its own error messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ranvier.simulator.wires.reading import Unacceptable, invalid, text_of
from ranvier.simulator.wires.rules.conversation import check_results, check_roles
from ranvier.simulator.wires.rules.media import check_chat
from ranvier.simulator.wires.rules.openai_settings import (
    check_cache,
    check_value,
    efforts_of,
    too_long,
    unsupported,
    unsupported_value,
)

Json = dict[str, Any]

ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")

_PARAMETERS = """
    audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens
    messages metadata modalities model n parallel_tool_calls prediction presence_penalty prompt_cache_key
    prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed
    service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user
    verbosity web_search_options"""
PARAMETERS: Final = frozenset(_PARAMETERS.split())

REASONING: Final = ("o1", "o3", "o4", "gpt-5", "gpt-6")
NOT_REASONING: Final = ("gpt-5-chat",)
REASONS_IF_REQUESTED: Final = ("gpt-5.1", "gpt-5.2", "gpt-5.3", "gpt-5.4")
CAN_STOP_REASONING: Final = ("gpt-5.5", "gpt-5.6", "gpt-6-sol", "gpt-6-luna", "gpt-6.1-terra")
NEVER_STOP_REASONING: Final = (
    *("gpt-5.1-chat", "gpt-5.2-chat", "gpt-5.3-chat", "gpt-5.1-codex"),
    *("gpt-5.2-pro", "gpt-5.4-pro", "gpt-5.5-pro"),
)
NO_TOOLS_WHILE_REASONING: Final = ("gpt-5.2", "gpt-5.3", "gpt-5.4", "gpt-5.5", "gpt-5.6", "gpt-6")
ALWAYS_TOOLS: Final = ("gpt-5.2-chat", "gpt-5.3-chat")
SAMPLING: Final = ("temperature", "top_p", "logprobs", "top_logprobs")
PENALTIES: Final = ("presence_penalty", "frequency_penalty", "logit_bias")
NAME: Final = r"^[a-zA-Z0-9_-]{1,64}$"


def check(body: Json, model: str, messages: list[Json]) -> None:
    """Raise `Unacceptable` if OpenAI would reject the request; an empty `model` skips the model's rules."""
    for name in body:
        if model and name not in PARAMETERS:
            raise invalid(f"Unrecognized request argument supplied: {name}", code=None, param=None)
    check_roles(messages, ROLES)
    check_results(messages)
    for position, message in enumerate(messages):
        _check_message(f"messages[{position}]", message)
        check_chat(f"messages[{position}]", message, model=model)
    _check_tools(body)
    _check_form(body, messages)
    _check_stream(body)
    check_cache(body, model, times=("30m",))
    if model:
        _check_settings(body, model)


def _check_message(place: str, message: Json) -> None:
    calls = message.get("tool_calls")
    if message.get("content") is None and not calls and not message.get("refusal"):
        place = place.replace("[", ".[")
        raise invalid(
            "Invalid value for 'content': expected a string, got null.", param=f"{place}.content", code=None
        )
    for position, call in enumerate(calls or ()):
        if len(call["id"]) > 40:
            raise too_long(f"{place}.tool_calls[{position}].id", 40, len(call["id"]))
        if not isinstance(call["function"]["arguments"], str):
            where = f"{place}.tool_calls[{position}].function.arguments"
            raise invalid(
                f"Invalid type for '{where}': expected a string, but got an object instead.",
                param=where,
                code="invalid_type",
            )


def _check_tools(body: Json) -> None:
    for position, tool in enumerate(body.get("tools") or ()):
        if not re.match(NAME, tool["function"]["name"]):
            where = f"tools[{position}].function.name"
            raise invalid(
                f"Invalid '{where}': string does not match pattern. Expected a string that matches the "
                "pattern '^[a-zA-Z0-9_-]+$'.",
                param=where,
                code="invalid_value",
            )
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not body.get("tools"):
            raise invalid(
                f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.",
                param=name,
                code=None,
            )


def _check_form(body: Json, messages: list[Json]) -> None:
    form = body.get("response_format") or {}
    words = " ".join(text_of(message.get("content")) for message in messages)
    if form.get("type") == "json_object" and "json" not in words.lower():
        raise invalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
            "'json_object'.",
            param="messages",
            code=None,
        )
    declared = form.get("json_schema") or {}
    if form.get("type") == "json_schema" and not re.match(NAME, declared.get("name") or ""):
        raise invalid(
            "Missing required parameter: 'response_format.json_schema.name'.",
            param="response_format.json_schema.name",
            code="missing_required_parameter",
        )
    if declared.get("strict"):
        for complaint in loose(declared["schema"], ()):
            raise invalid(
                f"Invalid schema for response_format '{declared['name']}': {complaint}",
                param="response_format",
                code=None,
            )


def loose(schema: Any, place: tuple[str, ...]) -> Iterator[str]:
    """Places where a schema breaks the rules of `strict`."""
    if isinstance(schema, list):
        for each in schema:
            yield from loose(each, place)
    if not isinstance(schema, Mapping):
        return
    if isinstance(properties := schema.get("properties"), Mapping):
        where = f"In context={place!r}, "
        if schema.get("additionalProperties") is not False:
            yield f"{where}'additionalProperties' is required to be supplied and to be false."
        for name in sorted(properties.keys() - set(schema.get("required", ()))):
            yield (
                f"{where}'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{name}'."
            )
    for word, within in schema.items():
        yield from loose(within, (*place, word))


def _check_stream(body: Json) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        raise invalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
            code=None,
        )


# --- rules of the models -------------------------------------------------------------------------


def _check_settings(body: Json, model: str) -> None:
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > 4:
        raise invalid(
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with "
            f"length {len(stop)} instead.",
            param="stop",
            code="array_above_max_length",
        )
    _check_effort(body.get("reasoning_effort"), model)
    if model.startswith(REASONING) and not model.startswith(NOT_REASONING):
        _check_reasoning(body, model, body.get("reasoning_effort"))


def _check_effort(effort: str | None, model: str) -> None:
    if effort is None:
        return
    check_value("reasoning_effort", effort, efforts_of(model))
    if not model.startswith(REASONING) or model.startswith(NOT_REASONING):
        raise _unrecognized("reasoning_effort")


def _check_reasoning(body: Json, model: str, effort: str | None) -> None:
    if body.get("max_tokens") is not None:
        raise Unacceptable(400, "unsupported_parameter")
    if body.get("tools") and reasons(model, effort) and _rejects_tools_while_reasoning(model):
        raise invalid(
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. To "
            "use function tools, use /v1/responses or set reasoning_effort to 'none'.",
            param="reasoning_effort",
            code=None,
        )
    if body.get("temperature", 1) != 1 and reasons(model, effort):
        raise unsupported_value(
            "temperature", body["temperature"], "Only the default (1) value is supported."
        )
    rejected = (*PENALTIES, *(SAMPLING[1:] if reasons(model, effort) else ()))
    for name in rejected if model.startswith("o1") else (*rejected, "stop"):
        if body.get(name) is not None:
            raise unsupported(name)


def reasons(model: str, effort: str | None) -> bool:
    """True if the model reasons for this effort; `None` means that none is requested."""
    if model.startswith(NEVER_STOP_REASONING):
        return True
    if model.startswith(REASONS_IF_REQUESTED):
        return effort not in (None, "none")
    return effort != "none" or not model.startswith(CAN_STOP_REASONING)


def _rejects_tools_while_reasoning(model: str) -> bool:
    return model.startswith(NO_TOOLS_WHILE_REASONING) and not model.startswith(ALWAYS_TOOLS)


def _unrecognized(name: str) -> Unacceptable:
    return invalid(f"Unrecognized request argument supplied: {name}", param=None, code=None)
