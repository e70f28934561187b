"""Reads a script from data: a TOML or JSON file, or a mapping.

    latency = 0.3          # seconds before the first token of a good answer; 0 by default
    pace = 0.02            # seconds between two tokens; 0 by default

    [[rules]]              # tried in this order; the first that hits a request decides
    fault = { kind = "Status", status = 503 }
    provider = "openai"
    start = 5              # seconds since the start
    end = 13

    [[rules]]
    fault = { kind = "Status", status = 429 }
    provider = "anthropic"
    above = 20             # requests per second with one key

    [[rules]]
    fault = ["SetCookie", { kind = "Cut", after = 3 }]     # several in one reply
    probability = 0.05

The `kind` of a fault is the name of its class in `ranvier.simulator`, and its other fields are that
class's; a fault without fields may be written as its name alone. A rule has the fields of `Rule`.
Unknown names and values out of range are rejected, with their place in the file.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator import faults
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.rules import Rule

_KINDS: dict[str, type[Fault]] = {name: getattr(faults, name) for name in faults.__all__ if name != "Fault"}


def _fault(data: Any) -> Fault:
    if isinstance(data, Fault):
        return data
    if isinstance(data, list) and data:
        return reduce(and_, map(_fault, data))
    fields = {"kind": data} if isinstance(data, str) else dict(data) if isinstance(data, Mapping) else {}
    kind = fields.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(_KINDS)}")
    try:
        return TypeAdapter(_KINDS[kind]).validate_python(fields)
    except ValidationError as error:
        raise ValueError(f"{kind}: {_problems(error)}") from None


def _with_fault(data: Any) -> Any:
    return {**data, "fault": _fault(data["fault"])} if isinstance(data, Mapping) and "fault" in data else data


class ScriptFile(BaseModel):
    """A parsed script."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    latency: float = Field(0.0, ge=0)
    pace: float = Field(0.0, ge=0)
    rules: list[Annotated[Rule, BeforeValidator(_with_fault)]] = []


def parse(data: Mapping[str, Any]) -> ScriptFile:
    """Parse the script in `data`.

    Raises:
        ConfigurationError: `data` is not a valid script; the message says where and why.
    """
    try:
        return ScriptFile.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError(f"the script is invalid: {_problems(error)}") from None


def read(path: Path) -> ScriptFile:
    """Read the script in the file at `path`: JSON if its name ends in `.json`, else TOML.

    Raises:
        ConfigurationError: The file does not exist, or is not a valid script.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"script={str(path)!r}: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigurationError(f"script={str(path)!r}: {error}") from error
    if not isinstance(data, dict):
        raise ConfigurationError(f"script={str(path)!r}: must be a table with latency, pace and rules")
    return parse(data)


def _problems(error: ValidationError) -> str:
    """Every problem with its place, such as `rules[0].end: Input should be a valid number`."""
    problems = []
    for detail in error.errors(include_url=False):
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
        what = detail["msg"].removeprefix("Value error, ")
        problems.append(f"{place.lstrip('.')}: {what}".lstrip(": "))
    return "; ".join(problems)
