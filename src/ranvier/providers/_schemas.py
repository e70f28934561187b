"""JSON schemas as the wires take them: which are strict, and what the others need to become closed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ranvier.providers._reading import Json

ONE: Final = (
    *("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
MANY: Final = ("anyOf", "allOf", "oneOf", "prefixItems")
NAMED: Final = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
"""Under which words of a schema others stand: one, a list of them, or each under a name."""

NOT_STRICT: Final = frozenset(
    (
        *("minLength", "maxLength", "minProperties", "maxProperties", "minContains", "maxContains"),
        *("contains", "uniqueItems", "propertyNames", "patternProperties", "default", "not", "oneOf"),
        *("unevaluatedItems", "unevaluatedProperties", "dependentSchemas", "dependentRequired"),
        *("allOf", "if", "then", "else"),
    )
)
"""Words that OpenAI's strict mode refuses. Sources: its page on structured outputs, pydantic-ai."""

UNBOUNDED: Final = frozenset(
    (
        *("minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "multipleOf"),
        *("exclusiveMaximum", "maxItems", "uniqueItems", "minProperties", "maxProperties", "default"),
        *("contains", "minContains", "maxContains", "propertyNames"),
    )
)
"""Words that Anthropic refuses, and its SDK therefore puts into the description. Source: that SDK."""


def is_strict(definition: Mapping[str, Any]) -> bool:
    """True where OpenAI's strict mode takes it: all objects closed, and all their properties required."""
    return all(
        NOT_STRICT.isdisjoint(schema) and (not _is_object(schema) or _is_closed(schema))
        for schema in _all(definition)
    )


def closed(definition: Mapping[str, Any]) -> Json:
    """The same for Anthropic: every object closed, and its bounds in words, which is where it reads them.

    They are not lost: the answer is held against the whole schema when it comes.
    """
    schema: Json = _changed(definition, _close)
    return schema


def instruction(definition: Mapping[str, Any]) -> str:
    """The same in words, for a model that can only be promised to write JSON."""
    schema = json.dumps(definition, ensure_ascii=False, separators=(",", ":"), default=dict)
    return f"Answer with one JSON object and nothing else. It has to fit this JSON schema:\n{schema}"


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return (
        kind == "object" or "properties" in schema or (isinstance(kind, (list, tuple)) and "object" in kind)
    )


def _is_closed(schema: Mapping[str, Any]) -> bool:
    required, properties = schema.get("required") or (), schema.get("properties") or {}
    return schema.get("additionalProperties") is False and set(properties) <= set(required)


def _close(schema: Json) -> Json:
    bounds = {word: schema.pop(word) for word in UNBOUNDED & schema.keys()}
    if schema.get("minItems", 0) not in (0, 1):
        bounds["minItems"] = schema.pop("minItems")
    if bounds:
        said = ", ".join(f"{word}: {json.dumps(bounds[word], default=dict)}" for word in sorted(bounds))
        schema["description"] = "\n\n".join(filter(None, (schema.get("description"), f"{{{said}}}")))
    if "oneOf" in schema and "anyOf" not in schema:
        schema["anyOf"] = schema.pop("oneOf")
    if _is_object(schema):
        schema.setdefault("additionalProperties", False)
    return schema


# --- walking -------------------------------------------------------------------------------------


def _all(definition: object) -> Iterator[Mapping[str, Any]]:
    """It and every schema within."""
    pending = [definition]
    while pending:
        schema = pending.pop()
        if not isinstance(schema, Mapping):
            continue
        yield schema
        pending += [schema.get(word) for word in ONE]
        for word in MANY:
            pending += schema.get(word) or ()
        for word in NAMED:
            pending += (schema.get(word) or {}).values()


def _changed(definition: Any, change: Callable[[Json], Json]) -> Any:
    """A copy in which `change` was done to it and to every schema within, from the inside out."""
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
