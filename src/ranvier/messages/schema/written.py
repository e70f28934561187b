"""JSON schemas given as dicts, validated with jsonschema; imported on first use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.schema.mismatch import Mismatch, json_path, names_in

MAX_SCHEMA = 200_000
"""Characters of the largest schema that is accepted; no provider accepts one as large."""

KEPT = 256
"""Schemas whose validator is cached; the least recently used is dropped first."""

MAX_MISMATCHES = 5
"""Mismatches that are reported of one answer."""

MAX_WORDS = 300
"""Characters of the description of each mismatch; a validator quotes values of any length."""


def checked(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A validated copy of `schema`, cached: later changes to `schema` have no effect.

    Raises:
        ConfigurationError: it is not a JSON schema of an object, or refers to another document.
    """
    return _compiled(_as_text(schema))[0]


def read(definition: Mapping[str, Any], data: Any) -> tuple[Any, tuple[Mismatch, ...]]:
    """`data` if it matches the schema; or `None` and the mismatches."""
    _, validator = _compiled(_as_text(definition))
    try:
        errors = list(islice(validator.iter_errors(data), MAX_MISMATCHES))
        mismatches = [_mismatch(best_match([error]) or error, names_in(definition)) for error in errors]
    except RecursionError:  # a schema that refers to itself, or a deeply nested answer
        mismatches = [Mismatch("$", "nested too deeply", "nested too deeply")]
    except OverflowError:  # a number of hundreds of digits with a fractional `multipleOf`
        mismatches = [Mismatch("$", "a number is too large", "a number is too large")]
    return (None, tuple(mismatches)) if mismatches else (data, ())


def _mismatch(error: ValidationError, names: set[str]) -> Mismatch:
    rule = str(error.validator or "the schema allows no value here")
    value, segments = error.validator_value, list(error.absolute_path)
    if rule == "required" and isinstance(value, list):
        segments += [name for name in value if error.message.startswith(repr(name))][:1]
    elif isinstance(value, (str, int, float, list)):
        rule = f'"{rule}": {json.dumps(value):.60}'
    return Mismatch(json_path(segments, names), rule, error.message[:MAX_WORDS])


# --- schemas -------------------------------------------------------------------------------------


def _as_text(schema: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(dict(schema), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"schema=...: it is not JSON ({type(error).__name__}: {error!s:.80})"
        ) from None
    if len(text) > MAX_SCHEMA:
        raise ConfigurationError(
            f"schema=...: it has {len(text)} characters, more than any provider accepts: "
            f"give at most {MAX_SCHEMA}"
        )
    return text


@lru_cache(KEPT)
def _compiled(text: str) -> tuple[Mapping[str, Any], Validator]:
    schema = json.loads(text)
    if schema.get("type") in ("json_schema", "json_object"):
        raise ConfigurationError(
            f"schema=...: {schema['type']!r} is a response_format: give the JSON schema alone"
        )
    if "type" not in schema and isinstance(schema.get("schema"), dict):
        raise ConfigurationError("schema=...: it holds a schema with a name: give the JSON schema alone")
    if schema.get("type") != "object":
        raise ConfigurationError(
            f"schema=...: its type is {schema.get('type')!r:.60}: give one of type 'object', because "
            "providers require an object at the root; a list can be a property of it"
        )
    draft = schema.get("$schema", "")
    if not isinstance(draft, str):
        raise ConfigurationError(
            f"schema=...: its $schema is {draft!r:.60}: give the URL of a draft, or omit it"
        )
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        for reference in _references(schema):
            _reject_remote(schema, reference)
    except SchemaError as error:
        at = json_path(error.absolute_path, {str(segment) for segment in error.absolute_path})
        what = f"it is not a JSON schema, at {at}: {error.message:.120}"
        raise ConfigurationError(f"schema=...: {what}") from None
    except RecursionError:
        raise ConfigurationError("schema=...: it is nested too deeply") from None
    return schema, kind(
        schema, registry=Registry()
    )  # an empty registry, because by default jsonschema fetches remote references


def _references(schema: object) -> Iterator[str]:
    rest = [schema]
    while rest:
        node = rest.pop()
        if isinstance(node, dict):
            yield from (node[key] for key in ("$ref", "$dynamicRef") if isinstance(node.get(key), str))
            rest.extend(node.values())
        elif isinstance(node, list):
            rest.extend(node)


def _reject_remote(schema: Mapping[str, Any], reference: str) -> None:
    """Reject a reference that does not resolve within the schema, before an answer is paid for."""
    try:
        if not reference.startswith("#"):
            raise Unresolvable(ref=reference)
        draft = specification_with(str(schema.get("$schema")), default=DRAFT202012)
        Registry().with_resource("", draft.create_resource(schema)).resolver().lookup(reference)
    except Unresolvable:
        raise ConfigurationError(
            f"schema=...: {reference!r:.80} is not in it: put it under '$defs', because nothing is fetched"
        ) from None
