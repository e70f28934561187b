"""Adapts the parameters of a request to a model: `fit`, which reads the table in `refusals`.

For each parameter, the first row that matches the provider and the start of the model's id wins. A
parameter without a row is sent as given, so a new model works at once. A provider without rows is an
unknown server with an API like OpenAI's, and gets everything unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ranvier.errors.provider import UnsupportedRequestError
from ranvier.providers._models.actions import DROPPED, Action, NotAcceptedError, Renamed, Translated, keep
from ranvier.providers._models.caching import cached
from ranvier.providers._models.ids import bare, starts_with
from ranvier.providers._models.reasoning import limit_beside, reasoned
from ranvier.providers._models.refusals import (
    CLAUDE_LIMITS,
    NAMES,
    NO_PREFILL,
    NO_SCHEMAS,
    NONE_BESIDE_TOOLS,
    REASONING,
    ROWS,
    SILENT,
    SPEAKING,
    UNREASONING,
    UNSIGNED,
)


class Facts(NamedTuple):
    """The key of a target in the table of models.

    Attributes:
        provider: The vendor whose rows apply; any other name is an unknown server, which has no rows.
        model: The model's id, with or without a routing prefix; empty if it is unknown.
    """

    provider: str
    model: str


TRANSLATED = frozenset(("reasoning", "reasoning_summary", "cache", "cache_key"))
"""The options that each vendor takes in fields of its own."""


def fit(provider: str, model: str, parameters: Mapping[str, Any]) -> Translated:
    """Adapt the parameters to what this model accepts.

    Args:
        provider: One of the seven vendors by its own name, whatever name the user gave it; any other name
            is an unknown server with an API like OpenAI's.
        model: The model's id, with or without a routing prefix.
        parameters: The set parameters under their neutral names, including `tools`. A name without a row
            is passed on.

    Raises:
        UnsupportedRequestError: the model does not accept a parameter, such as tools, whose omission would
            change the meaning of the request.
    """
    if not parameters and not needs_limit(provider, model):
        return Translated({})
    given = parameters
    dropped: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    if not TRANSLATED.isdisjoint(given):
        parameters, dropped, changes = _translated(provider, model, given)
    if wants_no_effort(provider, model, parameters):
        parameters = {**parameters, "reasoning_effort": "none"}
    rules = _rules(provider, model)
    wire: dict[str, Any] = {}
    for name, value in parameters.items():
        wire_name, action = rules.get(name, (name, keep))
        try:
            value = action(value, parameters)
        except NotAcceptedError as reason:
            why = str(reason)
            if name == "reasoning_effort" and name not in given:  # then it comes from the option
                name, why = "reasoning", why.replace("'none'", "'off'")
            raise _unsupported(provider, model, name, why) from None
        if value is DROPPED:
            dropped += (name,)
        elif isinstance(value, Renamed):
            wire[value.name] = value.value
        else:
            wire[wire_name] = value
    if needs_limit(provider, model):
        name = NAMES[provider].get("max_tokens", "max_tokens")
        wire.setdefault(name, limit_beside(wire.get("thinking"), _limit(model)))
    return Translated(wire, dropped, changes)


def _translated(provider: str, model: str, given: Mapping[str, Any]) -> Translated:
    """The parameters with the options of `TRANSLATED` in the fields of the vendor."""
    try:
        thinking = reasoned(provider, model, given)
    except NotAcceptedError as reason:
        raise _unsupported(provider, model, "reasoning", str(reason)) from None
    caching = cached(provider, model, given)
    dropped = (*thinking.dropped, *caching.dropped)
    rest = {name: value for name, value in given.items() if name not in TRANSLATED.union(dropped)}
    parameters = {**rest, **thinking.parameters, **caching.parameters}
    return Translated(parameters, dropped, (*thinking.changes, *caching.changes))


def changed(facts: Facts, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parameters that are sent with another value than given, with a description of the change."""
    changes: list[tuple[str, str]] = []
    rules = _rules(*facts)
    for name, value in given.items():
        if isinstance(value, (int, float)) and name in rules:
            sent = rules[name][1](value, given)
            if isinstance(sent, (int, float)) and sent != value:
                changes.append((name, f"sent as {sent}"))
    if wants_no_effort(*facts, given):
        changes.append(("reasoning_effort", "sent as none"))
    return changes


def is_known(provider: str, model: str) -> bool:
    """True if the table has a row for this model of the provider, besides the rows for all its models."""
    return any(
        provider in owners.split() and starts != "*" and starts_with(model, starts)
        for owners, starts, _, _ in ROWS
    )


def wants_no_effort(provider: str, model: str, given: Mapping[str, Any]) -> bool:
    """True if the model rejects the request's tools unless reasoning is switched off, and it is not set."""
    return (
        provider == "openai"
        and bool(given.get("tools"))
        and given.keys().isdisjoint(("reasoning", "reasoning_effort"))
        and starts_with(model, NONE_BESIDE_TOOLS)
    )


@lru_cache(maxsize=1024)
def _rules(provider: str, model: str) -> dict[str, tuple[str, Action]]:
    """For each parameter with a row or another name here: its name in the API, and its action."""
    names = NAMES.get(provider, {})
    rules: dict[str, tuple[str, Action]] = {}
    for owners, starts, parameters, action in ROWS:
        if provider in owners.split() and starts_with(model, starts):
            for name in parameters.split():
                rules.setdefault(name, (names.get(name, name), action))
    return {name: (wire_name, keep) for name, wire_name in names.items()} | rules


def _unsupported(provider: str, model: str, name: str, reason: str) -> UnsupportedRequestError:
    given = " ".join(filter(None, (name, reason)))
    message = f"{provider}/{model} does not accept the given {given}; nothing was sent: choose another model"
    return UnsupportedRequestError(message, provider=provider, model=model)


@lru_cache(maxsize=1024)
def _limit(model: str) -> int:
    return next(limit for starts, limit in CLAUDE_LIMITS if starts_with(model, starts))


def needs_limit(provider: str, model: str) -> bool:
    """True if an answer has no limit, or on Bedrock a low one, unless it is sent: that of Claude."""
    return provider == "anthropic" or (provider == "converse" and starts_with(model, "claude"))


def refuses_prefill(provider: str, model: str) -> bool:
    """True if the last message must not be the assistant's; OpenRouter rejects it for the same models."""
    return provider in ("anthropic", "openrouter") and starts_with(model, NO_PREFILL)


def takes_forms(provider: str) -> bool:
    """True if the provider's chat completions accept a JSON schema for the answer."""
    return provider not in NO_SCHEMAS


def reasons(model: str) -> bool:
    """True for a model of OpenAI's that reasons, by default or on request."""
    return starts_with(model, REASONING) and not starts_with(model, UNREASONING)


def wants_signatures(model: str) -> bool:
    """True for Gemini models that reject a tool call in the history without a thought signature."""
    return not starts_with(model, UNSIGNED)


def takes_pictures_of_tools(model: str) -> bool:
    """True for Gemini models that accept images in a tool result: the third generation and later."""
    return not starts_with(model, UNSIGNED)


def first_token_allowance(provider: str, model: str) -> float:
    """Seconds to wait for the first content: 20, or 120 if a longer silence is normal.

    This is normal for models that do not stream their reasoning, and for Ollama, which may load the model.
    """
    speaks = any(mark in bare(model) for mark in SPEAKING)
    return 120.0 if provider == "ollama" or (starts_with(model, SILENT) and not speaks) else 20.0
