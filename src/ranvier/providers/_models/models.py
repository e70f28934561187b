"""Parameters as a model takes them: `fit`, which reads the table of `_refusals`.

Within one parameter the first row that matches the provider and the start of the model's id wins. What
is in no row is sent as it was given, so that a model nobody knew yesterday works today; a provider that
is in no row is some server that speaks OpenAI's dialect, and gets everything unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ranvier.errors.provider import UnsupportedRequestError
from ranvier.providers._models.actions import DROPPED, Action, CannotTakeError, Renamed, keep
from ranvier.providers._models.refusals import (
    CLAUDE_LIMITS,
    NAMES,
    NO_FORMS,
    NO_PREFILL,
    NONE_BESIDE_TOOLS,
    ROWS,
    SILENT,
    SPEAKING,
    UNSIGNED,
)


class Facts(NamedTuple):
    """Where the table tells what a target takes.

    Attributes:
        provider: The vendor whose rows count; any other word is an unknown server, which has none.
        model: The model's id, with or without a routing prefix; empty where it is unknown.
    """

    provider: str
    model: str


class Fitted(NamedTuple):
    """Parameters under the names of the wire, and the neutral names of those that were left out."""

    parameters: dict[str, Any]
    dropped: tuple[str, ...]


def fit(provider: str, model: str, parameters: Mapping[str, Any]) -> Fitted:
    """The parameters as this model takes them.

    Args:
        provider: One of the seven by its own name, whatever name the user gave to it; any other is an
            unknown server that speaks OpenAI's dialect.
        model: The model's id, with or without a routing prefix.
        parameters: Those that are set, under their neutral names, `tools` among them. A name that is
            in no table passes.

    Raises:
        UnsupportedRequestError: one of them carries meaning that would be lost, as tools would be.
    """
    if not parameters and provider != "anthropic":
        return Fitted({}, ())
    if wants_no_effort(provider, model, parameters):
        parameters = {**parameters, "reasoning_effort": "none"}
    rules = _rules(provider, model)
    wire: dict[str, Any] = {}
    dropped: tuple[str, ...] = ()
    for name, value in parameters.items():
        wire_name, action = rules.get(name, (name, keep))
        try:
            value = action(value, parameters)
        except CannotTakeError as reason:
            raise _unsupported(provider, model, name, str(reason)) from None
        if value is DROPPED:
            dropped += (name,)
        elif isinstance(value, Renamed):
            wire[value.name] = value.value
        else:
            wire[wire_name] = value
    if provider == "anthropic" and "max_tokens" not in wire:
        wire["max_tokens"] = _limit(model)
    return Fitted(wire, dropped)


def changed(facts: Facts, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parameters that are sent otherwise than given, though not left out, and how they are sent."""
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
    """True where the table has a row of that provider for this model, and not only for all of them."""
    return any(owner == provider and starts != "*" and _starts(model, starts) for owner, starts, _, _ in ROWS)


def wants_no_effort(provider: str, model: str, given: Mapping[str, Any]) -> bool:
    """True where a model has to be told not to reason, or it refuses the tools of the request."""
    return (
        provider == "openai"
        and bool(given.get("tools"))
        and "reasoning_effort" not in given
        and _starts(model, NONE_BESIDE_TOOLS)
    )


@lru_cache(maxsize=1024)
def _rules(provider: str, model: str) -> dict[str, tuple[str, Action]]:
    """For each parameter that is special here, its name on the wire and what to do with it."""
    names = NAMES.get(provider, {})
    rules: dict[str, tuple[str, Action]] = {}
    for owner, starts, parameters, action in ROWS:
        if owner == provider and _starts(model, starts):
            for name in parameters.split():
                rules.setdefault(name, (names.get(name, name), action))
    return {name: (wire_name, keep) for name, wire_name in names.items()} | rules


def _starts(model: str, starts: str) -> bool:
    return starts == "*" or _bare(model).startswith(tuple(starts.split()))


def _bare(model: str) -> str:
    """`anthropic/claude-sonnet-4.6` -> `claude-sonnet-4-6`: without routing, as the vendor writes it."""
    bare = model.lower().rsplit("/", 1)[-1].lstrip("~").removeprefix("ft:")
    return bare.replace(".", "-") if bare.startswith("claude") else bare


def _unsupported(provider: str, model: str, name: str, reason: str) -> UnsupportedRequestError:
    given = " ".join(filter(None, (name, "as given", reason)))
    message = f"{provider}/{model} cannot take {given}; nothing was sent: choose another model"
    return UnsupportedRequestError(message, provider=provider, model=model)


@lru_cache(maxsize=1024)
def _limit(model: str) -> int:
    return next(limit for starts, limit in CLAUDE_LIMITS if _starts(model, starts))


def refuses_prefill(provider: str, model: str) -> bool:
    """True where the last message must not be the assistant's; so says OpenRouter for the same models."""
    return provider in ("anthropic", "openrouter") and _starts(model, NO_PREFILL)


def takes_forms(provider: str) -> bool:
    """True where chat completions can be told the JSON schema of their answer."""
    return provider not in NO_FORMS


def wants_signatures(model: str) -> bool:
    """True for models of Gemini that refuse a tool call in the history which no thought has signed."""
    return not _starts(model, UNSIGNED)


def takes_pictures_of_tools(model: str) -> bool:
    """True for models of Gemini that see pictures within the result of a tool: the third generation on."""
    return not _starts(model, UNSIGNED)


def first_token_allowance(provider: str, model: str) -> float:
    """Seconds to wait for the first content: 20, or 120 where silence is no bad sign.

    That is so for a model that thinks without a word, and for Ollama, which may load the model first.
    """
    speaks = any(mark in _bare(model) for mark in SPEAKING)
    return 120.0 if provider == "ollama" or (_starts(model, SILENT) and not speaks) else 20.0
