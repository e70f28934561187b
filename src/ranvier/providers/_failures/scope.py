"""Decides what a classified failure is about, where its class alone does not say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ranvier import errors
from ranvier.errors.scope import Scope
from ranvier.providers._failures.error_body import ErrorBody
from ranvier.providers._failures.words import Kind

_OF_GATEWAYS = frozenset((502, 504, 521, 522, 523, 525, 526))
"""Statuses of a gateway that has no connection to the provider's server; those above 520 are Cloudflare's."""

_OF_ONE_MODEL = re.compile(
    r"\bmodels?:? [`'\"]?[a-z0-9][a-z0-9._:/-]*[0-9]|\b(?:for|of|on) this model\b|per[ -]?model"
    r"|free-models"  # OpenRouter's limit for its free models
)


def scope_of(
    kind: Kind, status: int | None, body: ErrorBody, parsed: Mapping[str, Any] | str, model: str | None
) -> Scope | None:
    """The scope of a failure; `None` for the default of its class."""
    if kind is errors.ServerError and status in _OF_GATEWAYS and not _is_of_provider(body, parsed):
        return Scope.ENDPOINT
    if kind is errors.QuotaExceededError and _names_a_model(body, model):
        return Scope.KEY_MODEL
    return None


def _is_of_provider(body: ErrorBody, parsed: Mapping[str, Any] | str) -> bool:
    """True for an error in the provider's own format, and not a gateway's page or Cloudflare's JSON."""
    return body.is_error and not (isinstance(parsed, Mapping) and "cloudflare_error" in parsed)


def _names_a_model(body: ErrorBody, model: str | None) -> bool:
    """True if a limit is that of one model: the one that was asked for, or another."""
    text = " ".join((body.text, *map(str.lower, body.codes)))  # Gemini has it in the name of the limit
    name = (model or "").lower().rpartition("/")[2]
    named = bool(name) and re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", text) is not None
    return named or _OF_ONE_MODEL.search(text) is not None
