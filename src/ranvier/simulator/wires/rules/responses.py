"""The requests that OpenAI's Responses API rejects, with its own error messages."""

from __future__ import annotations

import re
from typing import Any, Final

from ranvier.simulator.wires.opaque import is_encrypted_for
from ranvier.simulator.wires.reading import Unacceptable, invalid
from ranvier.simulator.wires.rules.openai import NAME, NOT_REASONING, REASONING, SAMPLING, loose, reasons
from ranvier.simulator.wires.rules.openai_settings import check_cache, check_value, efforts_of, unsupported

Json = dict[str, Any]

_PARAMETERS = """
    background conversation include input instructions max_output_tokens max_tool_calls metadata model
    parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options
    prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature
    text tool_choice tools top_logprobs top_p truncation user"""
PARAMETERS: Final = frozenset(_PARAMETERS.split())

ROLES: Final = ("assistant", "system", "developer", "user")

LEAST: Final = 16
"""The smallest limit of an answer."""

MAX_EFFORT: Final = ("gpt-5.6", "gpt-6")
"""Models that accept an effort more than in chat completions."""

SUMMARIES: Final = ("auto", "concise", "detailed")

ENCRYPTED: Final = "reasoning.encrypted_content"


def items_of(body: Any) -> list[Json]:
    """The input of a request as items; raises `Unacceptable` if there is none."""
    given = body.get("input") if isinstance(body, dict) else None
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise Unacceptable(400, "invalid_request", param="input")
    return items


def check(body: Json, model: str, items: list[Json], *, account: str) -> None:
    """Raise `Unacceptable` if OpenAI would reject the request; an empty `model` skips the model's rules.

    `account` is the one that asks: encrypted reasoning of another one is rejected.
    """
    for name in body:
        if model and name not in PARAMETERS:
            raise invalid(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    for position, item in enumerate(items):
        _check_item(f"input[{position}]", item)
    _check_results(items)
    _check_reasoning(items, account, stored=body.get("store", True))
    _check_tools(body)
    _check_form(body)
    limit = body.get("max_output_tokens")
    if limit is not None and limit < LEAST:
        raise invalid(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got "
            f"{limit} instead.",
            param="max_output_tokens",
            code="integer_below_min_value",
        )
    check_cache(body, model, times=("30m", "12h"))
    if model:
        _check_settings(body, model)


def _check_item(place: str, item: Json) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        if item.get("role") not in ROLES:
            known = ", ".join(f"'{role}'" for role in ROLES[:-1])
            words = f"Invalid value: '{item.get('role')}'. Supported values are: {known}, and '{ROLES[-1]}'."
            raise invalid(words, param=place, code="invalid_value")
        if item.get("content") is None:
            raise _missing(f"{place}.content")
    if kind in ("function_call", "function_call_output"):
        needed = ("call_id", "name", "arguments") if kind == "function_call" else ("call_id", "output")
        for name in needed:
            if not isinstance(item.get(name), (str, list)):
                raise _missing(f"{place}.{name}")
        if len(item["call_id"]) > 64:
            words = f"Invalid '{place}.call_id': string too long. Expected a string with maximum length 64."
            raise invalid(words, param=f"{place}.call_id", code="string_above_max_length")
    if kind == "function_call" and not item.get("id", "fc").startswith("fc"):
        words = f"Invalid '{place}.id': '{item['id']}'. Expected an ID that begins with 'fc'."
        raise invalid(words, param=f"{place}.id", code="invalid_value")


def _check_results(items: list[Json]) -> None:
    """Each call has its result, at any place after it."""
    waiting: list[str] = []
    for item in items:
        if item.get("type") == "function_call":
            waiting.append(item["call_id"])
        elif item.get("type") == "function_call_output":
            if item["call_id"] not in waiting:
                words = "No tool call found for function call output with call_id"
                raise invalid(f"{words} {item['call_id']}.", param="input", code=None)
            waiting.remove(item["call_id"])
    if waiting:
        raise invalid(f"No tool output found for function call {waiting[0]}.", param="input", code=None)


def _check_reasoning(items: list[Json], account: str, *, stored: bool) -> None:
    """Reasoning is encrypted for this account and precedes what it led to; nobody knows other ids."""
    followers = [*items[1:], {"role": "user"}]
    for item, follower in zip(items, followers, strict=True):
        encrypted, given = item.get("encrypted_content"), item.get("id")
        if given and not encrypted and not stored:
            words = f"Item with id '{given}' not found. Items are not persisted when `store` is set to false."
            raise invalid(words, param="input", code=None)
        if item.get("type") != "reasoning":
            continue
        if not is_encrypted_for(account, str(encrypted)):
            words = f"The encrypted content {str(encrypted)[:8]}... could not be verified."
            raise invalid(words, param=None, code="invalid_encrypted_content")
        if follower.get("role", "assistant") != "assistant" or follower.get("type") == "function_call_output":
            words = f"Item '{given}' of type 'reasoning' was provided without its required following item."
            raise invalid(words, param="input", code=None)


def _check_tools(body: Json) -> None:
    for position, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") != "function":
            continue
        if not isinstance(tool.get("name"), str):
            raise _missing(f"tools[{position}].name")
        if not re.match(NAME, tool["name"]):
            where = f"tools[{position}].name"
            words = f"Invalid '{where}': string does not match pattern '^[a-zA-Z0-9_-]+$'."
            raise invalid(words, param=where, code="invalid_value")


def _check_form(body: Json) -> None:
    form = (body.get("text") or {}).get("format") or {}
    if form.get("type") != "json_schema":
        return
    if not re.match(NAME, form.get("name") or ""):
        raise _missing("text.format.name")
    for complaint in loose(form["schema"], ()) if form.get("strict") else ():
        words = f"Invalid schema for response_format '{form['name']}': {complaint}"
        raise invalid(words, param="text.format.schema", code="invalid_json_schema")


def _check_settings(body: Json, model: str) -> None:
    reasoning = body.get("reasoning") or {}
    effort = reasoning.get("effort")
    if not model.startswith((*REASONING, "codex")) or model.startswith(NOT_REASONING):
        for name in reasoning:
            raise unsupported(f"reasoning.{name}")
        if ENCRYPTED in (body.get("include") or ()):
            raise invalid("Encrypted content is not supported with this model.", param="include", code=None)
        return
    more = ("max",) if model.startswith(MAX_EFFORT) else ()
    check_value("reasoning.effort", effort, (*efforts_of(model), *more))
    check_value("reasoning.summary", reasoning.get("summary"), SUMMARIES)
    for name in SAMPLING if reasons(model, effort) else ():
        if body.get(name) is not None:
            raise unsupported(name)


def _missing(where: str) -> Unacceptable:
    return invalid(f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")
