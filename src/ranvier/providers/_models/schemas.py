"""JSON schemas in the form that APIs accept: `is_strict` for OpenAI, `closed` for Anthropic."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ranvier.providers._reading.reading import Json

ONE: Final = (
    *("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
MANY: Final = ("anyOf", "allOf", "oneOf", "prefixItems")
NAMED: Final = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
"""Keywords with subschemas: a single one, a list, or one per name."""

STRICT: Final = frozenset(
    (
        *("type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const"),
        *("$ref", "$defs", "definitions", "title", "description", "pattern", "format", "multipleOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems"),
    )
)
"""Keywords that OpenAI's strict mode accepts; others are a 400 or a 500. Sources: its page on structured
outputs, pydantic-ai."""

STRICT_FORMATS: Final = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
)
STRICT_PATTERN: Final = re.compile(r"(?:[^\\(]|\((?!\?)|\(\?:|\\[^a-zA-Z0-9]|\\[dDwWsSnrtfv])*")
"""No lookarounds (a 500: pydantic-ai#5508), named groups, backreferences or Unicode classes."""

MAX_STRICT_DEPTH: Final = 10
MAX_STRICT_PROPERTIES: Final = 5_000
MAX_STRICT_CHOICES: Final = 1_000

CLOSED: Final = frozenset(
    (
        *("type", "properties", "required", "additionalProperties", "items", "minItems", "anyOf", "allOf"),
        *("enum", "const", "$ref", "$defs", "definitions", "title", "description", "format"),
    )
)
"""Keywords that Anthropic accepts; its SDK moves all others into the description. Source: that SDK."""

CLOSED_FORMATS: Final = STRICT_FORMATS | {"uri"}

ANNOTATIONS: Final = frozenset(("$schema", "$id", "$comment", "discriminator", "readOnly", "writeOnly"))
"""Keywords that do not constrain an answer."""


def is_strict(definition: Mapping[str, Any]) -> bool:
    """True if OpenAI's strict mode accepts the schema: every value has a type, every object is closed."""
    schemas = list(_all(definition))
    return (
        definition.get("type") == "object"
        and "anyOf" not in definition
        and all(depth <= MAX_STRICT_DEPTH and _is_strict(schema) for schema, depth in schemas)
        and sum(len(schema.get("properties") or ()) for schema, _ in schemas) <= MAX_STRICT_PROPERTIES
        and sum(len(schema.get("enum") or ()) for schema, _ in schemas) <= MAX_STRICT_CHOICES
    )


def _is_strict(schema: Mapping[str, Any]) -> bool:
    if "$ref" in schema:
        return len(schema) == 1 and str(schema["$ref"]).startswith("#")
    kinds = _kinds(schema)
    return (
        schema.keys() <= STRICT
        and bool(kinds or schema.get("anyOf"))
        and all(isinstance(each, Mapping) for each in schema.get("anyOf", ()))
        and ("object" not in kinds or _is_complete(schema))
        and ("array" not in kinds or isinstance(schema.get("items"), Mapping))
        and schema.get("format", "uuid") in STRICT_FORMATS
        and STRICT_PATTERN.fullmatch(str(schema.get("pattern", ""))) is not None
    )


def _is_complete(schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties")
    return (
        isinstance(properties, Mapping)
        and all(isinstance(each, Mapping) for each in properties.values())
        and schema.get("additionalProperties") is False
        and set(properties) <= set(schema.get("required") or ())
    )


def has_maps(definition: Mapping[str, Any]) -> bool:
    """True if the schema allows objects with keys that it does not name, such as `dict[str, int]`."""
    return any(_is_map(schema) for schema, _ in _all(definition))


def _is_map(schema: Mapping[str, Any]) -> bool:
    if "object" not in _kinds(schema):
        return False
    others = schema.get("additionalProperties", True)
    if others is True or others == {}:  # any value is allowed: a map only if no property is named
        others = schema.keys().isdisjoint(("properties", "$ref", *MANY))
    return bool(others) or "patternProperties" in schema


def closed(definition: Mapping[str, Any]) -> Json:
    """The schema for Anthropic: objects are closed, and unknown keywords are moved into the descriptions.

    No constraint is lost: the answer is validated against the original schema.
    """
    schema: Json = _changed(definition, _close)
    return schema


def instruction(definition: Mapping[str, Any]) -> str:
    """The schema as an instruction, for servers that only promise JSON."""
    schema = json.dumps(definition, ensure_ascii=False, separators=(",", ":"), default=dict)
    return f"Answer with one JSON object and nothing else. It has to fit this JSON schema:\n{schema}"


def _kinds(schema: Mapping[str, Any]) -> tuple[str, ...]:
    kind = schema.get("type", "object" if "properties" in schema else ())
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _close(schema: Json) -> Json:
    if "oneOf" in schema and "anyOf" not in schema:
        schema["anyOf"] = schema.pop("oneOf")
    rest = {word: schema.pop(word) for word in schema.keys() - CLOSED}
    if "prefixItems" in rest:  # a tuple: its items in any order
        schema.setdefault("items", {"anyOf": rest["prefixItems"]})
    if schema.get("format", "uri") not in CLOSED_FORMATS:
        rest["format"] = schema.pop("format")
    if schema.get("minItems", 0) not in (0, 1):
        rest["minItems"] = schema.pop("minItems")
    moved = ", ".join(
        f"{word}: {json.dumps(rest[word], default=dict)}" for word in sorted(rest.keys() - ANNOTATIONS)
    )
    if moved:
        schema["description"] = "\n\n".join(filter(None, (schema.get("description"), f"{{{moved}}}")))
    if "object" in _kinds(schema):
        schema["additionalProperties"] = False
    return schema


# --- walking -------------------------------------------------------------------------------------


def _all(definition: object) -> Iterator[tuple[Mapping[str, Any], int]]:
    """The schema and every subschema, with its nesting depth."""
    pending = [(definition, 0)]
    while pending:
        schema, depth = pending.pop()
        if not isinstance(schema, Mapping):
            continue
        yield schema, depth
        inner = [schema.get(word) for word in ONE]
        for word in MANY:
            inner += schema.get(word) or ()
        for word in NAMED:
            inner += (schema.get(word) or {}).values()
        pending += [(each, depth + 1) for each in inner]


def _changed(definition: Any, change: Callable[[Json], Json]) -> Any:
    """A copy with `change` applied to the schema and every subschema, innermost first."""
    if not isinstance(definition, Mapping):
        return definition
    schema = dict(definition)
    for word in schema.keys() & set(ONE):
        schema[word] = _changed(schema[word], change)
    for word in schema.keys() & set(MANY):
        schema[word] = [_changed(inner, change) for inner in schema[word]]
    for word in schema.keys() & set(NAMED):
        schema[word] = {name: _changed(inner, change) for name, inner in schema[word].items()}
    return change(schema)
