"""Kinds of saved values: each is written to JSON, read back, and described by a JSON schema.

A value that does not fit raises `Unfit`, which names a place and types, and quotes nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ranvier.errors.configuration import ConfigurationError

MAX_DEPTH: Final = 100
"""Levels of lists and objects within one field."""

Convert = Callable[[Any, Any], Any]
"""Takes a value and the function that keeps or fetches media, or `None`."""


class Unfit(Exception):  # noqa: N818  # because it never leaves this package
    """A value does not fit its field.

    Attributes:
        place: The names of fields and the positions in lists that lead to it, the innermost first.
        reason: What is wrong, without the value.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place: list[str] = []

    def __str__(self) -> str:
        return f"{''.join(reversed(self.place))} {self.reason}"


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one kind are written and read, and their JSON schema."""

    write: Convert
    read: Convert
    schema: Mapping[str, Any]


def name_of(value: Any) -> str:
    """The type of `value`, for errors."""
    return "null" if value is None else type(value).__name__


# --- plain values --------------------------------------------------------------------------------


def _plain(type_: type | tuple[type, ...], wanted: str, schema: Mapping[str, Any]) -> Kind:
    def check(value: Any, media: Any) -> Any:
        if not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool):
            raise Unfit(f"is of type {name_of(value)}, not {wanted}")
        if isinstance(value, float) and not abs(value) < float("inf"):
            raise Unfit("is not a finite number")
        return value

    return Kind(check, check, schema)


STRING: Final = _plain(str, "str", {"type": "string"})
FLAG: Final = _plain(bool, "bool", {"type": "boolean"})
COUNT: Final = _plain(int, "int", {"type": "integer"})
NUMBER: Final = _plain((int, float), "a number", {"type": "number"})


def one_of(*values: str) -> Kind:
    """One of these strings."""

    def check(value: Any, media: Any) -> Any:
        if not isinstance(value, str) or value not in values:
            raise Unfit(f"is not one of {', '.join(values)}")
        return next(each for each in values if each == value)

    return Kind(check, check, {"enum": [str(each) for each in values]})


def optional(kind: Kind) -> Kind:
    """A value of `kind`, or null."""
    return Kind(
        lambda value, media: None if value is None else kind.write(value, media),
        lambda value, media: None if value is None else kind.read(value, media),
        {"anyOf": [kind.schema, {"type": "null"}]},
    )


def either(string: Kind, many: Kind) -> Kind:
    """A string, or a list of `many`."""

    def chosen(value: Any) -> Kind:
        return string if isinstance(value, str) else many

    return Kind(
        lambda value, media: chosen(value).write(value, media),
        lambda value, media: chosen(value).read(value, media),
        {"anyOf": [string.schema, many.schema]},
    )


def list_of(kind: Kind) -> Kind:
    """Any number of values of `kind`; read as a tuple."""

    def each(convert: Convert, values: Any, media: Any) -> list[Any]:
        if not isinstance(values, (list, tuple)):
            raise Unfit(f"is of type {name_of(values)}, not list")
        done = []
        for index, value in enumerate(values):
            try:
                done.append(convert(value, media))
            except Unfit as unfit:
                unfit.place.append(f"[{index}]")
                raise
        return done

    return Kind(
        lambda values, media: each(kind.write, values, media),
        lambda values, media: tuple(each(kind.read, values, media)),
        {"type": "array", "items": kind.schema},
    )


# --- JSON objects --------------------------------------------------------------------------------


def _written(value: Any, levels: int = MAX_DEPTH) -> Any:
    """A copy of `value` in the types of JSON; a tuple becomes a list."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return NUMBER.write(value, None)
    if not isinstance(value, (Mapping, list, tuple)):
        raise Unfit(f"holds a {type(value).__name__}, which JSON cannot hold")
    if not levels:
        raise Unfit(f"is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise Unfit("has a key that is no string")
        return {key: _written(each, levels - 1) for key, each in value.items()}
    return [_written(each, levels - 1) for each in value]


def _write_object(value: Any, media: Any) -> Any:
    if not isinstance(value, Mapping):
        raise Unfit(f"is of type {name_of(value)}, not a JSON object")
    return _written(value)


def _read_object(value: Any, media: Any) -> Any:
    if not isinstance(value, dict):
        raise Unfit(f"is of type {name_of(value)}, not a JSON object")
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return value
    raise Unfit(f"is nested more than {MAX_DEPTH} levels deep")


def _inner(value: Any) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()


OBJECT: Final = Kind(_write_object, _read_object, {"type": "object"})
"""Any JSON object, passed on unchanged."""


# --- media ---------------------------------------------------------------------------------------


def _write_bytes(value: Any, store: Any) -> Any:
    if not isinstance(value, bytes):
        raise Unfit(f"is of type {name_of(value)}, not bytes")
    if store is None:
        return base64.b64encode(value).decode()
    reference = store(value)
    if not isinstance(reference, str):
        raise ConfigurationError(f"store=... returned a {name_of(reference)}: return a str, the reference")
    return {"reference": reference}


def _read_bytes(value: Any, fetch: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"reference"}:
        return _fetched(STRING.read(value["reference"], None), fetch)
    try:
        return base64.b64decode(STRING.read(value, None), validate=True)
    except ValueError:
        raise Unfit("is not base64") from None


def _fetched(reference: str, fetch: Any) -> bytes:
    if fetch is None:
        raise Unfit("is a reference to bytes that are kept elsewhere: give fetch=...")
    data = fetch(reference)
    if not isinstance(data, bytes):
        raise ConfigurationError(f"fetch=... returned a {name_of(data)}: return the bytes")
    return data


BYTES: Final = Kind(
    _write_bytes,
    _read_bytes,
    {
        "anyOf": [
            {"type": "string", "contentEncoding": "base64"},
            {
                "type": "object",
                "properties": {"reference": {"type": "string"}},
                "required": ["reference"],
                "additionalProperties": False,
            },
        ]
    },
)
"""Bytes in base64, or the reference that `store` returned for them."""
