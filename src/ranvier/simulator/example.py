"""The simplest value that fits a JSON schema: a simulated model's answers and tool arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_DEEP, _MAX_DEPTH = 3, 50
"""Below `_DEEP`, a recursive schema takes the choice that ends it; below `_MAX_DEPTH`, values are `None`."""

_WORDS: Final = ("Zürich", "A1", "a-1", "1", "abc", "ABC", "2026-11-25", "a@example.org", "")
"""Candidates for a string. The ü is there on purpose: a client must join its two bytes."""

_FORMATS: Final = {
    "date": "2026-11-25",
    "date-time": "2026-11-25T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1S",
    "email": "louis@example.org",
    "hostname": "example.org",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example(schema: Schema, root: Schema | None = None, depth: int = 0) -> Any:
    """A value that fits `schema`: required properties only, the first of an enum, the minimum of a range.

    References are resolved within `root`; `None` means `schema` itself.
    """
    if depth > _MAX_DEPTH:
        return None
    root = schema if root is None else root
    schema = _resolved(schema, root)
    if "const" in schema or schema.get("enum"):
        return schema.get("const", schema.get("enum", [None])[0])
    for choices in filter(None, (schema.get("anyOf"), schema.get("oneOf"))):
        # A recursive schema ends with the choice that is not a reference, in any position.
        plain = [choice for choice in choices if "$ref" not in choice]
        chosen = (plain or choices)[-1] if depth > _DEEP else choices[0]
        return example({**_without(schema, "anyOf", "oneOf"), **chosen}, root, depth + 1)
    if schema.get("allOf"):
        return example(_merged(schema, root), root, depth + 1)
    return _of_type({**schema, **_bounds_in_description(schema)}, root, depth)


def _of_type(schema: Schema, root: Schema, depth: int) -> Any:
    kind = schema.get("type", "object" if "items" not in schema else "array")
    match (kind[0] if isinstance(kind, list) else kind).lower():  # Gemini's own schemas use upper case
        case "object":
            properties, required = schema.get("properties", {}), schema.get("required", ())
            return {
                name: example(properties.get(name, {"type": "string"}), root, depth + 1) for name in required
            }
        case "array":
            return _items(schema, root, depth)
        case "integer" | "number" as number:
            return _number(schema, whole=number == "integer")
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema)


def _items(schema: Schema, root: Schema, depth: int) -> list[Any]:
    first = [example(item, root, depth + 1) for item in schema.get("prefixItems", ())]
    count = max(schema.get("minItems", 1), len(first))
    if depth > _DEEP or schema.get("maxItems") == 0:
        count = schema.get("minItems", 0)
    if count <= len(first):  # do not build an item that is not needed: it may recurse without end
        return first[:count]
    rest = schema.get("items")
    item = example(rest if isinstance(rest, Mapping) else {"type": "string"}, root, depth + 1)
    return first + [item] * (count - len(first))


def _number(schema: Schema, *, whole: bool) -> Any:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is not None and (low is None or above >= low):
        ends = [end for end in (high, below) if end is not None]
        low = math.floor(above) + 1 if whole or not ends or min(ends) > above + 1 else (above + min(ends)) / 2
    if low is None:
        low = min(
            [1, *(end for end in (high,) if end is not None), *([below - 1] if below is not None else [])]
        )
    step = schema.get("multipleOf")
    value = math.ceil(low / step) * step if step else low
    return math.ceil(value) if whole else value


def _string(schema: Schema) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    pattern = schema.get("pattern")
    words = [word for word in _WORDS if pattern is None or re.search(pattern, word)]
    word = words[0] if words else _WORDS[0]
    return word.ljust(schema.get("minLength", 0), "h")[: schema.get("maxLength")]


def _resolved(schema: Schema, root: Schema) -> Schema:
    """The schema that a reference within `root` points to, merged with the keywords beside it."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(schema.get("$ref"), str):
            break
        found: Any = root
        for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")] if step else found
        schema = {**_without(schema, "$ref"), **found}
    return schema


def _merged(schema: Schema, root: Schema) -> Schema:
    """A schema merged with all its `allOf` parts."""
    merged = dict(_without(schema, "allOf"))
    for each in (_resolved(part, root) for part in schema["allOf"]):
        both = {"properties": {**merged.get("properties", {}), **each.get("properties", {})}}
        required = dict.fromkeys((*merged.get("required", ()), *each.get("required", ())))
        merged = {**merged, **each, **both, "required": list(required)}
    return merged


def _bounds_in_description(schema: Schema) -> dict[str, float]:
    """Bounds in the description, such as `{minimum: 5}`, for APIs that accept them nowhere else."""
    found = re.search(r"\{([^{}]*)\}\s*$", str(schema.get("description", "")))
    bounds = re.findall(r"(\w+): (-?\d+(?:\.\d+)?)(?=,|$)", found[1]) if found else ()
    return {word: float(bound) if "." in bound else int(bound) for word, bound in bounds}


def _without(schema: Schema, *words: str) -> dict[str, Any]:
    return {word: value for word, value in schema.items() if word not in words}
