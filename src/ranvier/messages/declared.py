"""Answers and tools that people declare, as types and functions; pydantic is imported here, and not before.

What is declared is kept with the schema that was made of it, for the most recently used.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, NoReturn, cast, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ErrorDetails, PydanticSerializationError, SchemaError, to_json
from pydantic_core.core_schema import ErrorType
from typing_extensions import TypedDict  # because pydantic takes no other before Python 3.12

from ranvier.errors import ConfigurationError
from ranvier.messages.schema import Misfit, names_in, place

KEPT = 256
"""Types and functions whose schema is kept. Each refers to what it was made of, so that a weak mapping
would keep them for ever."""

TOLD = 5
"""Misfits that are told of one answer."""

LONGEST_WORDS = 300
"""Characters of what is told of each of them: a validator of yours may quote whatever it refuses."""

UNDECLARABLE = (
    PydanticUserError,
    PydanticUndefinedAnnotation,
    SchemaError,
    NameError,
    TypeError,
    RecursionError,
)
"""What pydantic raises for a type that it cannot make a schema of."""

QUOTING = {
    *("value_error", "assertion_error", "union_tag_invalid", "uuid_parsing"),
    *("bytes_invalid_encoding", "timezone_offset"),
}
"""Kinds of errors whose words may quote the answer."""

QUIET = set(get_args(ErrorType)) - QUOTING
"""Kinds of errors whose words hold nothing but the rule; those of your own validators are not among them."""


WRAPPED = "answer"
"""The field of the object that is asked for instead of what is no object in JSON, such as a list."""


def definition(kind: Any) -> Mapping[str, Any]:
    """The JSON schema of an answer of that type, in the form that strict wires take.

    Raises:
        ConfigurationError: the type cannot be read from JSON.
    """
    try:
        hash(kind)
    except TypeError:  # of `Annotated[int, []]`, say
        raise ConfigurationError(f"schema={kind!r:.200}: give a type that can be hashed") from None
    return _strict_schema(_wrapper(kind) or kind)


def read(
    declared: Any, text: str, data: Any, definition: Mapping[str, Any]
) -> tuple[Any, tuple[Misfit, ...]]:
    """What `text` says as an instance of what was declared; or `None`, and where it does not fit.

    Args:
        declared: A type, or a function: then what fits is its keyword arguments.
        text: JSON.
        data: The same, read.
        definition: The schema that the model was given; keys that it does not name are content.
    """
    wrapper = _wrapper(declared)
    try:
        if wrapper is not None:
            return adapter(wrapper).validate_json(text)[WRAPPED], ()
        return adapter(declared).validate_json(text), ()
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[:TOLD]
    except (ValueError, RecursionError):  # half of a surrogate pair, say
        return None, (Misfit("$", "no JSON that could be read", "no JSON that could be read"),)
    names = names_in(definition)
    return None, tuple(_misfit(each, data, names) for each in told)


@lru_cache(KEPT)
def _wrapper(declared: Any) -> Any:
    """A TypedDict around a type that is no object in JSON, since providers take nothing else; or `None`."""
    if is_function(declared) or _json_schema(declared).get("type") == "object":
        return None
    typed_dict: Any = TypedDict  # because mypy knows only those that are written out
    return typed_dict("Answer", {WRAPPED: declared})


@lru_cache(KEPT)
def adapter(declared: Any) -> TypeAdapter[Any]:
    """What reads JSON as an instance of that type, or as the arguments of that function.

    Raises:
        ConfigurationError: pydantic cannot read it.
    """
    kind = declared
    if is_function(declared):
        from ranvier.messages.signature import arguments_of

        kind = arguments_of(declared)
    try:
        return TypeAdapter(kind)
    except UNDECLARABLE as error:
        raise _undeclarable(declared, error) from None


def is_function(declared: object) -> bool:
    """True for functions and methods, but not for a `partial`, which Python 3.14 takes for a method."""
    return inspect.isroutine(declared) and not isinstance(declared, partial)


def schema_of(declared: Any) -> dict[str, Any]:
    """The JSON schema of a type, or of the arguments of a function, as pydantic has it.

    Raises:
        ConfigurationError: it has none, or is no object in JSON.
    """
    schema = _json_schema(declared)
    if schema.get("type") != "object":
        raise ConfigurationError(
            f"{declared.__name__} is no object in JSON: make it a field of a model, since providers take "
            "nothing else at the root"
        )
    return schema


def _json_schema(declared: Any) -> dict[str, Any]:
    try:
        schema = adapter(declared).json_schema(schema_generator=_WithoutTitles)
    except UNDECLARABLE as error:
        raise _undeclarable(declared, error) from None
    if reference := schema.pop("$ref", None):  # a type that refers to itself; no wire takes that at the root
        schema = {**schema["$defs"][reference.removeprefix("#/$defs/")], **schema}
    return schema


class _WithoutTitles(GenerateJsonSchema):
    """Fields without a title that says their name once more; a model pays for every word."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # because: pydantic's own

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, default: Any) -> Any:
        return as_json(default)


def as_json(default: object) -> Any:
    """A default as a schema can tell it.

    Raises:
        PydanticSerializationError: as JSON there is none, for infinity neither.
    """
    try:
        return json.loads(to_json(default, inf_nan_mode="constants"), parse_constant=_unspeakable)
    except ValueError as error:
        raise PydanticSerializationError(str(error)) from None


def _unspeakable(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _undeclarable(declared: Any, error: Exception) -> ConfigurationError:
    name, told = getattr(declared, "__name__", repr(declared)), str(error).partition("\n\nFor further")[0]
    return ConfigurationError(f"{name:.80}: it cannot be read from JSON: {' '.join(told.split()):.400}")


# --- what strict wires take ----------------------------------------------------------------------

NAMED = ("properties", "$defs")
"""Keywords that hold schemas by name."""

NESTED = ("items", "prefixItems", "anyOf", "allOf", "not", "additionalProperties")
"""Keywords that hold a schema, or a list of them."""


@lru_cache(KEPT)
def _strict_schema(kind: type) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], _strict(schema_of(kind)))


def _strict(node: Any) -> Any:
    """`node` with nothing optional, nothing beyond what is named, and without what strict wires refuse."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    schema = {key: value for key, value in node.items() if key not in ("default", "discriminator")}
    if "oneOf" in schema:  # of types that tell themselves apart: at most one fits in any case
        schema["anyOf"] = schema.pop("oneOf")
    if "$ref" in schema and len(schema) > 1:  # nothing may stand beside a reference
        schema["anyOf"] = [{"$ref": schema.pop("$ref")}]
    for key in NAMED:
        if key in schema:
            schema[key] = {name: _strict(value) for name, value in schema[key].items()}
    for key in NESTED:
        if key in schema:
            schema[key] = _strict(schema[key])
    if "properties" in schema:
        schema["required"] = list(schema["properties"])
        schema.setdefault("additionalProperties", False)
    return schema


# --- where an answer does not fit ----------------------------------------------------------------


def _misfit(error: ErrorDetails, data: Any, names: set[str]) -> Misfit:
    rule = error["msg"] if error["type"] in QUIET else error["type"]
    return Misfit(place(_way(error["loc"], data, names), names), rule, error["msg"][:LONGEST_WORDS])


def _way(location: tuple[str | int, ...], data: Any, names: set[str]) -> list[str | int]:
    """The way to a value: pydantic's, without the types that it tried and the functions that it called."""
    way: list[str | int] = []
    for segment in location:
        if _holds(data, segment):
            data = data[segment]
        elif isinstance(data, dict) and segment in names:  # what is missing
            data = None
        else:
            continue
        way.append(segment)
    return way


def _holds(data: Any, segment: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(segment, int) and segment < len(data)
    return isinstance(data, dict) and segment in data
