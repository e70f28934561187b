"""Our dataclasses as objects of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.saved.kinds import Convert, Kind, Unfit, name_of

REQUIRED: Final = object()
"""The default of a field that has none."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record; it is left out where its value is the default."""

    kind: Kind
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Record:
    """A dataclass of ours, as an object with these fields and, as one of several, a `type`."""

    of: type
    name: str
    fields: Mapping[str, Field]
    tagged: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of its values; the schema refers to `definition`."""
        return Kind(self.write, self.read, {"$ref": f"#/$defs/{self.name}"})

    @property
    def definition(self) -> Mapping[str, Any]:
        """The JSON schema of the object."""
        tag = {"type": {"const": self.name}} if self.tagged else {}
        required = [name for name, each in self.fields.items() if each.default is REQUIRED]
        return {
            "type": "object",
            "properties": {**tag, **{name: each.kind.schema for name, each in self.fields.items()}},
            "required": [*tag, *required],
            "additionalProperties": False,
        }

    def write(self, value: Any, media: Any) -> dict[str, Any]:
        """The object for `value`."""
        if not isinstance(value, self.of):
            raise Unfit(f"is of type {name_of(value)}, not {self.of.__name__}")
        written: dict[str, Any] = {"type": self.name} if self.tagged else {}
        for name, each in self.fields.items():
            held = getattr(value, name)
            if each.default is REQUIRED or held != each.default:
                written[name] = _within(name, each.kind.write, held, media)
        return written

    def read(self, data: Any, media: Any) -> Any:
        """The value that `data` describes."""
        return self.made(self.values(data, media))

    def values(self, data: Any, media: Any) -> dict[str, Any]:
        """The value of every field of `data`."""
        if not isinstance(data, dict):
            raise Unfit(f"is of type {name_of(data)}, not a JSON object")
        if data.keys() - self.fields.keys() - ({"type"} if self.tagged else set()):
            raise Unfit("has a key that this version of the format does not have")
        values = {}
        for name, each in self.fields.items():
            if name in data:
                values[name] = _within(name, each.kind.read, data[name], media)
            elif each.default is REQUIRED:
                raise Unfit(f"has no {name!r}")
            else:
                values[name] = each.default
        return values

    def made(self, values: Mapping[str, Any]) -> Any:
        """The dataclass with these values."""
        try:
            return self.of(**values)
        except ConfigurationError:
            raise Unfit(f"is no valid {self.of.__name__}") from None


def any_of(*records: Any) -> Kind:
    """A value of one of these records, distinguished by its `type`."""
    by_name = {record.name: record for record in records}

    def write(value: Any, media: Any) -> Any:
        for record in records:
            if isinstance(value, record.of):
                return record.write(value, media)
        raise Unfit(f"is of type {name_of(value)}, which cannot be here")

    def read(data: Any, media: Any) -> Any:
        name = data.get("type") if isinstance(data, dict) else None
        record = by_name.get(name) if isinstance(name, str) else None
        if record is None:
            raise Unfit(f"has another type than {', '.join(by_name)}")
        return record.read(data, media)

    return Kind(write, read, {"oneOf": [record.kind.schema for record in records]})


def _within(name: str, convert: Convert, value: Any, media: Any) -> Any:
    try:
        return convert(value, media)
    except Unfit as unfit:
        unfit.place.append(f".{name}")
        raise
