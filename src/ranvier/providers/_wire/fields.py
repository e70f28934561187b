"""The fields of a request: what the model takes of its settings, and what the caller puts over them.

Settings in neutral words are fitted to the model. Fields of the wire, as a deployment's `options` or a
call's `extra` give them, are sent as they are and win. An `extra` that names no provider is for all of
them, and so it is fitted too where it is a setting that we know.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import UnsupportedRequestError
from ranvier.events import ParameterDropped
from ranvier.providers._models.models import Facts, changed, fit
from ranvier.providers._reading import json
from ranvier.providers._reading.reading import Json

if TYPE_CHECKING:
    from ranvier.messages.request import Request
    from ranvier.messages.tool import Tool
    from ranvier.messages.wire import WireTool
    from ranvier.pipeline.call import Call

ASKED: Final = ("max_tokens", "temperature", "top_p", "stop", "tools", "tool_choice", "schema")
"""The settings that a request has."""

KNOWN: Final = frozenset(
    (
        *("max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "n", "reasoning_effort"),
        *("presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"),
    )
)
"""The settings that models take differently, or not at all, under the names that an `extra` gives them."""


class Extras:
    """What the caller puts over the fields of one request.

    Attributes:
        settings: Those of `KNOWN`, for whichever provider it is.
        fields: All other fields of the wire, those that win last.
    """

    __slots__ = ("fields", "settings")

    def __init__(self, call: Call, family: str, name: str) -> None:
        options, extra = call.deployment.options, call.request.extra
        self.settings: Json = {}
        self.fields: list[Mapping[str, Any]] = [options] if options else []
        if extra:
            self._sort(extra, call.pipeline.provider_names, family, name)

    def _sort(self, extra: Mapping[str, Any], names: frozenset[str], family: str, name: str) -> None:
        named = names & extra.keys()
        addressed = {key: extra[key] for key in named if isinstance(extra[key], Mapping)}
        everyone = {key: value for key, value in extra.items() if key not in addressed}
        self.settings = {key: everyone.pop(key) for key in KNOWN & everyone.keys()}
        own = [addressed[key] for key in dict.fromkeys((family, name)) if key in addressed]
        for fields in own:
            validation.one_answer(f"extra[{name!r}]", fields)
        self.fields += [everyone, *own]

    def put_over(self, fields: Json) -> None:
        """Merge them into `fields`; of an object, a part can be set. Who is asked, and how, stays."""
        for more in self.fields:
            for key in more.keys() - {"model", "stream"}:
                value, below = more[key], fields.get(key)
                if isinstance(value, Mapping) and isinstance(below, dict):
                    fields[key] = {**below, **value}
                else:
                    fields[key] = value


def fitted(call: Call, provider: str, facts: Facts, extras: Extras) -> Json:
    """The settings of `call` in the words of the wire, without those that the model refuses.

    Args:
        call: What is asked.
        provider: The name of the provider.
        facts: Where the table of models tells what the target takes.
        extras: What the caller puts over the request.

    Raises:
        UnsupportedRequestError: the model cannot do without changing what is asked.
    """
    asked = _given(call.request)
    if not (asked or extras.fields or extras.settings):
        return fit(*facts, asked).parameters
    given: Json = {}
    for more in extras.fields:
        if "reasoning_effort" in more:
            given["reasoning_effort"] = more["reasoning_effort"]  # whoever reasons may not be tuned
    given |= asked | extras.settings
    try:
        parameters, dropped = fit(*facts, given)
    except UnsupportedRequestError as error:
        error.provider, error.model = provider, call.deployment.model
        raise
    if call.pipeline.events.listeners:
        _tell(call, provider, dropped)
        call.adjusted(changed(facts, given))
    for name in ("tools", "schema"):
        parameters.pop(name, None)  # fitted only for the models that refuse them
    return parameters


def _tell(call: Call, provider: str, dropped: tuple[str, ...]) -> None:
    where = {"tenant": call.tenant, "provider": provider, "model": call.deployment.model}
    for parameter in dropped:
        call.pipeline.events.emit(ParameterDropped(parameter=parameter, **where), call.record)


def offered(request: Request, choice: str | None) -> tuple[Tool | WireTool, ...]:
    """The tools to send; none where they may not be used, and `choice`, as it was fitted, cannot say so."""
    return () if request.tool_choice == "none" and choice is None else request.tools


def _given(request: Request) -> Json:
    asked = _asked(request)
    if asked == _NOTHING:
        return {}
    return {name: value for name, value in zip(ASKED, asked, strict=True) if value not in (None, ())}


_asked = attrgetter(*ASKED)
_NOTHING: Final = (None, None, None, (), (), None, None)
"""What `_asked` gives of most requests."""


def encoded(fields: Json) -> bytes:
    """`fields` as JSON.

    Raises:
        ConfigurationError: something in it is no JSON.
    """
    try:
        return json.write(fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"the request cannot be written as JSON: {error}") from None
