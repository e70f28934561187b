"""Structured answers in LangChain's form."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.schema.schema import Schema

METHODS = ("function_calling", "json_schema", "json_mode")

RESPONSE_FORMAT = "response_format"
"""The option by which agents of LangChain ask for a schema, in the format of chat completions."""


def structured(
    model: Any, schema: Any, include_raw: bool, method: str, strict: bool | None, options: dict[str, Any]
) -> Runnable[Any, Any]:
    """The chain of `model` and the parser of its answers: see `ChatRanvier.with_structured_output`.

    Raises:
        ConfigurationError: there is no schema, or no such method.
    """
    if schema is None:
        raise ConfigurationError("with_structured_output(): give a schema")
    if method not in METHODS:
        raise ConfigurationError(f"method={method!r:.60}: choose one of {', '.join(METHODS)}")
    form = {"kwargs": {"method": method}, "schema": schema}
    if method == "function_calling":
        answer_chain = model.bind_tools(
            [schema], tool_choice="any", strict=strict, ls_structured_output_format=form, **options
        )
        parser = _of_calls(schema)
    else:
        answer_chain = model.bind(schema=_ours(schema, strict), ls_structured_output_format=form, **options)
        parser = _of_text(schema)
    return _with_raw(answer_chain, parser) if include_raw else answer_chain | parser


def schema_in(response_format: Any) -> Any:
    """The schema in a `response_format` of chat completions.

    Raises:
        ConfigurationError: it has none, or none that a provider could accept.
    """
    if not isinstance(response_format, Mapping) or response_format.get("type") != "json_schema":
        raise ConfigurationError("response_format: give a JSON schema, or schema=... with a type")
    named = response_format.get("json_schema") or {}
    return Schema.of(named.get("schema"), name=named.get("name"))


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _of_calls(schema: Any) -> Runnable[Any, Any]:
    if _is_model(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    name = convert_to_openai_tool(schema)["function"]["name"]
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def _of_text(schema: Any) -> Runnable[Any, Any]:
    return PydanticOutputParser(pydantic_object=schema) if _is_model(schema) else JsonOutputParser()


def _ours(schema: Any, strict: bool | None) -> Any:
    """The schema for the pipeline; a pydantic model stays one, so that it validates and repairs answers."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema
    return convert_to_json_schema(schema, strict=strict)


def _with_raw(answer_chain: Runnable[Any, Any], parser: Runnable[Any, Any]) -> Runnable[Any, Any]:
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=answer_chain) | parsed.with_fallbacks([failed], exception_key="parsing_error")
