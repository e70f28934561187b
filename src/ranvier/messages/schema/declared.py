"""Answers and tools declared as types and functions. Only this module and `signature` import pydantic.

The schemas of the most recently used types and functions are cached.
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

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.schema.mismatch import Mismatch, json_path, names_in

KEPT = 256
"""Types and functions whose schema is cached. A weak mapping would never drop them, because each schema
refers to the type it was built from."""

MAX_MISMATCHES = 5
"""Mismatches that are reported of one answer."""

MAX_WORDS = 300
"""Characters of the description of each mismatch: a custom validator may quote what it rejects."""

UNDECLARABLE = (
    PydanticUserError,
    PydanticUndefinedAnnotation,
    SchemaError,
    NameError,
    TypeError,
    RecursionError,
)
"""Errors of pydantic for a type that it cannot build a schema from."""

QUOTING = {
    *("value_error", "assertion_error", "union_tag_invalid", "uuid_parsing"),
    *("bytes_invalid_encoding", "timezone_offset"),
}
"""Types of pydantic errors whose message may quote the answer."""

QUIET = set(get_args(ErrorType)) - QUOTING
"""Types of pydantic errors whose message states only the rule; errors of custom validators are excluded."""


WRAPPED = "answer"
"""The field of the object that wraps an answer that is not a JSON object, such as a list."""


def definition(kind: Any) -> Mapping[str, Any]:
    """The JSON schema of an answer of that type, in the subset that strict wires accept.

    Raises:
        ConfigurationError: the type cannot be read from JSON.
    """
    try:
        hash(kind)
    except TypeError:  # for example for `Annotated[int, []]`
        raise ConfigurationError(f"schema={kind!r:.200}: give a type that can be hashed") from None
    return _strict_schema(_wrapper(kind) or kind)


def read(
    declared: Any, text: str, data: Any, definition: Mapping[str, Any]
) -> tuple[Any, tuple[Mismatch, ...]]:
    """`text` as an instance of the declared type; or `None` and the mismatches.

    Args:
        declared: A type, or a function, whose keyword arguments are then returned.
        text: JSON.
        data: The same, parsed.
        definition: The schema that was sent to the model; keys that it does not name are content.
    """
    wrapper = _wrapper(declared)
    try:
        if wrapper is not None:
            return adapter(wrapper).validate_json(text)[WRAPPED], ()
        return adapter(declared).validate_json(text), ()
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)[:MAX_MISMATCHES]
    except (ValueError, RecursionError):  # for example for an unpaired surrogate
        return None, (Mismatch("$", "unreadable JSON", "unreadable JSON"),)
    names = names_in(definition)
    return None, tuple(_mismatch(each, data, names) for each in errors)


@lru_cache(KEPT)
def _wrapper(declared: Any) -> Any:
    """A TypedDict that wraps a type that is not a JSON object, because providers require one; or `None`."""
    if is_function(declared) or _json_schema(declared).get("type") == "object":
        return None
    typed_dict: Any = TypedDict  # because mypy knows only those that are written out
    return typed_dict("Answer", {WRAPPED: declared})


@lru_cache(KEPT)
def adapter(declared: Any) -> TypeAdapter[Any]:
    """Reads JSON as an instance of that type, or as the arguments of that function.

    Raises:
        ConfigurationError: pydantic cannot read it.
    """
    kind = declared
    if is_function(declared):
        from ranvier.messages.schema.signature import arguments_of

        kind = arguments_of(declared)
    try:
        return TypeAdapter(kind)
    except UNDECLARABLE as error:
        raise _undeclarable(declared, error) from None


def is_function(declared: object) -> bool:
    """True for functions and methods, but not for a `partial`, which Python 3.14 considers a method."""
    return inspect.isroutine(declared) and not isinstance(declared, partial)


def schema_of(declared: Any) -> dict[str, Any]:
    """The JSON schema of a type, or of the arguments of a function, as pydantic generates it.

    Raises:
        ConfigurationError: it has none, or is not a JSON object.
    """
    schema = _json_schema(declared)
    if schema.get("type") != "object":
        raise ConfigurationError(
            f"{declared.__name__} is not a JSON object: make it a field of a model, because providers "
            "require an object at the root"
        )
    return schema


def _json_schema(declared: Any) -> dict[str, Any]:
    try:
        schema = adapter(declared).json_schema(schema_generator=_WithoutTitles)
    except UNDECLARABLE as error:
        raise _undeclarable(declared, error) from None
    if reference := schema.pop("$ref", None):  # a recursive type; no wire accepts a reference at the root
        schema = {**schema["$defs"][reference.removeprefix("#/$defs/")], **schema}
    return schema


class _WithoutTitles(GenerateJsonSchema):
    """Omits titles that only repeat the field's name, because every token of a schema is billed."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # because: pydantic declares it so

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def encode_default(self, default: Any) -> Any:
        return as_json(default)


def as_json(default: object) -> Any:
    """A default value as JSON data for a schema.

    Raises:
        PydanticSerializationError: JSON cannot represent it, for example infinity.
    """
    try:
        return json.loads(to_json(default, inf_nan_mode="constants"), parse_constant=_reject_constant)
    except ValueError as error:
        raise PydanticSerializationError(str(error)) from None


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _undeclarable(declared: Any, error: Exception) -> ConfigurationError:
    name, reason = getattr(declared, "__name__", repr(declared)), str(error).partition("\n\nFor further")[0]
    return ConfigurationError(f"{name:.80}: it cannot be read from JSON: {' '.join(reason.split()):.400}")


# --- what strict wires accept --------------------------------------------------------------------

NAMED = ("properties", "$defs")
"""Keywords that hold schemas by name."""

NESTED = ("items", "prefixItems", "anyOf", "allOf", "not", "additionalProperties")
"""Keywords that hold a schema, or a list of them."""


@lru_cache(KEPT)
def _strict_schema(kind: type) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], _strict(schema_of(kind)))


def _strict(node: Any) -> Any:
    """`node` with all fields required, no others allowed, and no keywords that strict wires reject."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    schema = {key: value for key, value in node.items() if key not in ("default", "discriminator")}
    if "oneOf" in schema:  # a discriminated union: at most one matches in any case
        schema["anyOf"] = schema.pop("oneOf")
    if "$ref" in schema and len(schema) > 1:  # a reference allows no sibling keywords
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


# --- mismatches ----------------------------------------------------------------------------------


def _mismatch(error: ErrorDetails, data: Any, names: set[str]) -> Mismatch:
    rule = error["msg"] if error["type"] in QUIET else error["type"]
    return Mismatch(json_path(_segments(error["loc"], data, names), names), rule, error["msg"][:MAX_WORDS])


def _segments(location: tuple[str | int, ...], data: Any, names: set[str]) -> list[str | int]:
    """The path to a value: pydantic's location without the types it tried and the functions it called."""
    path: list[str | int] = []
    for segment in location:
        if _holds(data, segment):
            data = data[segment]
        elif isinstance(data, dict) and segment in names:  # a missing field
            data = None
        else:
            continue
        path.append(segment)
    return path


def _holds(data: Any, segment: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(segment, int) and segment < len(data)
    return isinstance(data, dict) and segment in data
