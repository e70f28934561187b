"""The fields of a request: the settings that the model accepts, and the caller's own fields over them.

Provider-neutral settings are fitted to the model. Provider-specific fields, from a deployment's `options`
or a call's `extra`, are sent unchanged and take precedence. An `extra` that names no provider applies to
all of them, so the settings in it that we know are fitted too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import UnsupportedRequestError
from ranvier.events import ParameterDropped
from ranvier.messages.request import CHECKS, Request
from ranvier.providers._models.models import Facts, changed, fit
from ranvier.providers._reading import json
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs import places

if TYPE_CHECKING:
    from ranvier.messages.tool import Tool
    from ranvier.messages.wire import WireTool
    from ranvier.pipeline.call import Call

SETTINGS: Final = tuple(name for name in CHECKS if name not in ("system", "metadata", "keep_raw", "extra"))
"""The settings of a `Request`."""

KNOWN: Final = frozenset(
    (
        *("max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "n", "reasoning_effort"),
        *("presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"),
    )
)
"""The settings in an `extra` that we know: models accept them differently, or not at all."""


OwnFields = Callable[[Mapping[str, Any], Json], Mapping[str, Any]]
"""Translates a caller's fields for a request: see `Wire.own_fields`."""

FIELDS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "reasoning": ("reasoning_effort", "thinking", "reasoning"),
    "reasoning_summary": ("thinking", "reasoning"),
    "cache": ("cache",),
    "cache_key": ("cache_key",),
}
"""The settings of `PLACES` that take precedence over each option."""


class Extras:
    """The fields that a caller sets directly for one request.

    Attributes:
        settings: Those of `KNOWN`, for any provider.
        fields: All other fields, in rising order of precedence.
    """

    __slots__ = ("fields", "settings")

    def __init__(self, call: Call, *addresses: str) -> None:
        options, extra = call.deployment.options, call.request.extra
        self.settings: Json = {}
        self.fields: list[Mapping[str, Any]] = [options] if options else []
        if extra:
            names = call.pipeline.provider_names.union(addresses)  # a wrapper may hide it from the stack
            self._sort(extra, names, addresses)

    def _sort(self, extra: Mapping[str, Any], names: frozenset[str], addresses: tuple[str, ...]) -> None:
        named = names & extra.keys()
        addressed = {key: extra[key] for key in named if isinstance(extra[key], Mapping)}
        shared = {key: value for key, value in extra.items() if key not in addressed}
        self.settings = {key: shared.pop(key) for key in KNOWN & shared.keys()}
        own = [addressed[key] for key in dict.fromkeys(addresses) if key in addressed]
        for fields in own:
            validation.one_answer(f"extra[{addresses[-1]!r}]", fields)
        self.fields += [shared, *own]

    def replaced(self, request: Request) -> list[str]:
        """The options of `request` that they set in the fields of the API."""
        if not (self.settings or self.fields):
            return []
        options = [name for name in FIELDS_OF if getattr(request, name) is not None]
        return [name for name in options if any(map(self._has, FIELDS_OF[name]))]

    def _has(self, setting: str) -> bool:
        return any(places.given(fields, setting) for fields in (self.settings, *self.fields))

    def put_over(self, fields: Json, own_fields: OwnFields) -> None:
        """Merge them into `fields`, nested objects field by field; `model` and `stream` are never changed."""
        for given in self.fields:
            more = own_fields(given, fields)
            for key in more.keys() - {"model", "stream"}:
                value, below = more[key], fields.get(key)
                if isinstance(value, Mapping) and isinstance(below, dict):
                    fields[key] = {**below, **value}
                else:
                    fields[key] = value


def fitted(call: Call, provider: str, facts: Facts, extras: Extras) -> Json:
    """The settings of `call` under the names of the wire, without those that the model rejects.

    Args:
        call: The call.
        provider: The name of the provider.
        facts: The target's entry in the table of models.
        extras: The fields that the caller sets directly.

    Raises:
        UnsupportedRequestError: the model needs a change that would alter the meaning of the request.
    """
    given = given_settings(call, extras)
    call.adjusted((name, "left to the fields of the API") for name in extras.replaced(call.request))
    if not given:
        return fit(*facts, given).parameters
    try:
        parameters, dropped, changes = fit(*facts, given)
    except UnsupportedRequestError as error:
        error.provider, error.model = provider, call.deployment.model
        raise
    if call.pipeline.events.hears(ParameterDropped):
        _emit_dropped(call, provider, dropped)
        call.adjusted((*changes, *changed(facts, given)))
    for name in ("tools", "schema"):
        parameters.pop(name, None)  # fitted only for the models that reject them
    return parameters


def given_settings(call: Call, extras: Extras) -> Json:
    """The settings that are given for `call`, by their neutral names."""
    settings = _given(call.request)
    if not (settings or extras.fields or extras.settings):
        return settings
    given: Json = {}
    for more in extras.fields:
        if "reasoning_effort" in more:
            given["reasoning_effort"] = more["reasoning_effort"]  # may rule out temperature and the like
    given |= settings | extras.settings
    for name in extras.replaced(call.request):
        del given[name]
    return given


def leave_to_marks(call: Call, fields: Json) -> None:
    """Remove the mark for the cache if the conversation has marks of its own: too many are rejected."""
    if "cache_control" in fields and any(
        _marked(fields.get(name)) for name in ("tools", "system", "messages")
    ):
        del fields["cache_control"]
        call.adjusted([("cache", "left to the marks in the conversation")])


def _marked(blocks: object) -> bool:
    if not isinstance(blocks, list):
        return False
    found = (block for block in blocks if isinstance(block, Mapping))
    return any("cache_control" in block or _marked(block.get("content")) for block in found)


def _emit_dropped(call: Call, provider: str, dropped: tuple[str, ...]) -> None:
    target = {**call.where(), "provider": provider}
    for parameter in dropped:
        call.pipeline.events.emit(ParameterDropped(parameter=parameter, **target), call.record)


def offered(request: Request, choice: str | None) -> tuple[Tool | WireTool, ...]:
    """The tools to send; none if tools are forbidden and the fitted `choice` cannot express that."""
    return () if request.tool_choice == "none" and choice is None else request.tools


def _given(request: Request) -> Json:
    values = _values(request)
    if values == _UNSET:
        return {}
    return {name: value for name, value in zip(SETTINGS, values, strict=True) if value not in (None, ())}


_values = attrgetter(*SETTINGS)
_UNSET: Final = _values(Request(()))
"""What `_values` returns for most requests."""


def encoded(fields: Json) -> bytes:
    """`fields` as JSON.

    Raises:
        ConfigurationError: a value cannot be written as JSON.
    """
    try:
        return json.write(fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{_unwritable(fields)} cannot be written as JSON: {error}: give texts, finite numbers, lists "
            "and dicts in extra=..., options=... and messages"
        ) from None


def _unwritable(fields: Json) -> str:
    """The first of `fields` that cannot be written, in words."""
    for name, value in fields.items():
        try:
            json.write({name: value})
        except (TypeError, ValueError, RecursionError):
            return f"the field {name!r:.80} of the request"
    return "the request"
