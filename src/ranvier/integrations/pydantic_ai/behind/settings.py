"""Translates the options of a call to settings and parameters of pydantic-ai."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic_ai.messages import InstructionPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.tools import ToolDefinition

from ranvier.errors.provider import ModelNotFoundError, UnsupportedRequestError
from ranvier.errors.rejected import CredentialUnusableError
from ranvier.integrations.pydantic_ai.behind.traits import RETRIES, Traits
from ranvier.messages.request import Request
from ranvier.messages.tool import Tool

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

NAMES: Final = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "cache": "cache",
}
"""pydantic-ai's setting for each option that is passed on unchanged."""

UNSENT: Final = ("reasoning_summary", "cache_key")
"""Options for which pydantic-ai has no setting that all models know."""

OPTIONAL: Final = {"thinking": "reasoning", "cache": "cache"}
"""Settings that a model without support may ignore, and our options for them."""


def check_sendable(call: Call, model: str) -> None:
    """Check that `call` may go to the model with this name, with the model's own key.

    Raises:
        ModelNotFoundError: the target names another model than this one.
        UnsupportedRequestError: an SDK has written the request.
        CredentialUnusableError: it has another key.
    """
    if call.deployment.model != model:
        raise ModelNotFoundError(f"{call.deployment}: its only model is {model!r:.80}", **facts(call))
    if type(call.request) is not Request:
        raise unsent(call, "a request that is written for one API")
    if call.tenants_key:
        raise CredentialUnusableError(
            f"{call.deployment}: a model of pydantic-ai has a client with a key of its own: "
            "let credentials= return SHARED for it"
        )


def settings_of(call: Call, model: Model, traits: Traits) -> dict[str, Any]:
    """The settings; those of the call replace the model's own.

    Raises:
        UnsupportedRequestError: an option that this model is not sent.
    """
    settings = dict(_given(call))
    if body := _body(call):
        own = (model.settings or {}).get("extra_body")
        settings["extra_body"] = {**own, **body} if isinstance(own, Mapping) else body
    for name in settings.keys() & traits.ignored:
        if name not in OPTIONAL:
            raise unsent(call, f"the setting {name!r}")
        del settings[name]
        call.adjusted([(OPTIONAL[name], "left out")])
    if traits.obeys:
        settings[RETRIES] = 0  # because the layers retry
    return settings


def _given(call: Call) -> Iterator[tuple[str, Any]]:
    request = call.request
    for name in UNSENT:
        if getattr(request, name):
            raise unsent(call, name)
    for name, theirs in NAMES.items():
        if (value := getattr(request, name)) is not None:
            yield theirs, value
    if request.stop:
        yield "stop_sequences", list(request.stop)
    if request.tools and request.tool_choice is not None:
        named = request.tool_choice not in ("auto", "none", "required")
        yield "tool_choice", [request.tool_choice] if named else request.tool_choice
    if isinstance(request.reasoning, int):
        raise unsent(call, "reasoning as a number of tokens: give a level")
    if request.reasoning is not None:
        yield "thinking", False if request.reasoning == "off" else request.reasoning


def _body(call: Call) -> dict[str, Any]:
    """The extra fields for this provider and for all providers; those for other providers are left out."""
    extra, own = call.request.extra, call.deployment.provider.name
    names = call.pipeline.provider_names | {own}
    for_others = {name for name in names & extra.keys() if isinstance(extra[name], Mapping)}
    shared = {name: value for name, value in extra.items() if name not in for_others}
    return {**(call.deployment.options or {}), **shared, **(extra[own] if own in for_others else {})}


def parameters_of(call: Call) -> ModelRequestParameters:
    """The tools, the instructions and the schema.

    Raises:
        UnsupportedRequestError: a tool in the format of one API.
    """
    request = call.request
    schema = request.schema
    output = (
        None
        if schema is None
        else OutputObjectDefinition(json_schema=dict(schema.definition), name=schema.name)
    )
    return ModelRequestParameters(
        function_tools=[_tool(call, tool) for tool in request.tools],
        output_mode="text" if output is None else "native",
        output_object=output,
        instruction_parts=[InstructionPart(content=request.system)] if request.system else [],
    )


def _tool(call: Call, tool: object) -> ToolDefinition:
    if not isinstance(tool, Tool):
        raise unsent(call, "a tool in the format of one API")
    extra = dict(tool.extra or {})
    strict = extra.pop("strict", None)
    if extra:
        raise unsent(call, f"the fields {sorted(extra)!r:.200} of a tool")
    return ToolDefinition(
        name=tool.name,
        parameters_json_schema=dict(tool.parameters),
        description=tool.description or None,
        strict=strict,
    )


def facts(call: Call) -> dict[str, Any]:
    """The target, for an error."""
    return {"provider": call.deployment.provider.name, "model": call.deployment.model}


def unsent(call: Call, what: str) -> UnsupportedRequestError:
    """The error for something without an equivalent in pydantic-ai."""
    return UnsupportedRequestError(
        f"{call.deployment}: a model of pydantic-ai is not sent {what}", **facts(call)
    )
