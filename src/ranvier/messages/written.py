"""JSON schemas as people write them, checked with jsonschema; imported when the first one is asked for."""

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

from ranvier.errors import ConfigurationError
from ranvier.messages.schema import Misfit, names_in, place

LARGEST = 200_000
"""Characters of the largest schema; no provider takes one as large."""

KEPT = 256
"""Schemas whose validator is kept; the least recently used goes first."""

TOLD = 5
"""Misfits that are told of one answer."""

LONGEST_WORDS = 300
"""Characters of what is told of each of them; a validator quotes whatever it refuses, however long."""


def checked(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy of `schema`, the same one for equal schemas: what is done to `schema` later changes nothing.

    Raises:
        ConfigurationError: it is no JSON schema of an object, or leans on what is elsewhere.
    """
    return _compiled(_as_text(schema))[0]


def read(definition: Mapping[str, Any], data: Any) -> tuple[Any, tuple[Misfit, ...]]:
    """`data` as it is where it fits; or `None`, and where it does not."""
    _, validator = _compiled(_as_text(definition))
    try:
        errors = list(islice(validator.iter_errors(data), TOLD))
        misfits = [_misfit(best_match([error]) or error, names_in(definition)) for error in errors]
    except RecursionError:  # a schema that refers to itself, or an answer as deep as a well
        misfits = [Misfit("$", "nested too deeply", "nested too deeply")]
    except OverflowError:  # hundreds of digits where a multiple of a fraction is asked for
        misfits = [Misfit("$", "a number is too large", "a number is too large")]
    return (None, tuple(misfits)) if misfits else (data, ())


def _misfit(error: ValidationError, names: set[str]) -> Misfit:
    rule = str(error.validator or "something stands where the schema is false")
    value, segments = error.validator_value, list(error.absolute_path)
    if rule == "required" and isinstance(value, list):
        segments += [name for name in value if error.message.startswith(repr(name))][:1]
    elif isinstance(value, (str, int, float, list)):
        rule = f'"{rule}": {json.dumps(value):.60}'
    return Misfit(place(segments, names), rule, error.message[:LONGEST_WORDS])


# --- schemas -------------------------------------------------------------------------------------


def _as_text(schema: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(dict(schema), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"schema=...: it is no JSON ({type(error).__name__}: {error!s:.80})"
        ) from None
    if len(text) > LARGEST:
        raise ConfigurationError(
            f"schema=...: it has {len(text)} characters, more than any provider takes: give at most {LARGEST}"
        )
    return text


@lru_cache(KEPT)
def _compiled(text: str) -> tuple[Mapping[str, Any], Validator]:
    schema = json.loads(text)
    if schema.get("type") in ("json_schema", "json_object"):
        raise ConfigurationError(
            f"schema=...: {schema['type']!r} is a response_format: give the JSON schema alone"
        )
    if schema.get("type") != "object":
        raise ConfigurationError(
            f"schema=...: its type is {schema.get('type')!r:.60}: give one of type 'object', since providers "
            "take nothing else at the root; a list can be a property of it"
        )
    draft = schema.get("$schema", "")
    if not isinstance(draft, str):
        raise ConfigurationError(
            f"schema=...: its $schema is {draft!r:.60}: give the address of a draft, or none"
        )
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        for reference in _references(schema):
            _refuse_elsewhere(schema, reference)
    except SchemaError as error:
        at = place(error.absolute_path, {str(segment) for segment in error.absolute_path})
        raise ConfigurationError(f"schema=...: it is no JSON schema, at {at}: {error.message:.120}") from None
    except RecursionError:
        raise ConfigurationError("schema=...: it is nested too deeply") from None
    return schema, kind(
        schema, registry=Registry()
    )  # an empty one: by default jsonschema fetches what is elsewhere


def _references(schema: object) -> Iterator[str]:
    rest = [schema]
    while rest:
        node = rest.pop()
        if isinstance(node, dict):
            yield from (node[key] for key in ("$ref", "$dynamicRef") if isinstance(node.get(key), str))
            rest.extend(node.values())
        elif isinstance(node, list):
            rest.extend(node)


def _refuse_elsewhere(schema: Mapping[str, Any], reference: str) -> None:
    """Refuse what cannot be found in the schema itself, now and not when the answer has been paid for."""
    try:
        if not reference.startswith("#"):
            raise Unresolvable(ref=reference)
        draft = specification_with(str(schema.get("$schema")), default=DRAFT202012)
        Registry().with_resource("", draft.create_resource(schema)).resolver().lookup(reference)
    except Unresolvable:
        raise ConfigurationError(
            f"schema=...: {reference!r:.80} is not in it: put it under '$defs', since nothing is fetched"
        ) from None
