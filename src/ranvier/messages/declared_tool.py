"""Builds tools from functions and types: name, description, and parameters from the signature."""

from __future__ import annotations

import inspect
import re
from functools import lru_cache
from typing import Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.schema.declared import KEPT, is_function, schema_of
from ranvier.messages.schema.mismatch import name_for
from ranvier.messages.tool import Tool

SECTION = re.compile(r"^(?:Args|Arguments|Parameters):$")
"""The heading of the parameters in a docstring in Google's style."""

ENTRY = re.compile(r"^\*{0,2}(\w+)(?: *\(.*?\))?: *(.*)$")
"""A parameter in that section, with or without its type."""


def tool_of(declared: Any, name: str | None = None, description: str | None = None) -> Tool:
    """The tool that a function or a type declares; cached.

    Raises:
        ConfigurationError: it is neither, or a model could not fill in its parameters.
    """
    if not (is_function(declared) or isinstance(declared, type)):
        raise ConfigurationError(
            f"Tool.of() was given a {type(declared).__name__}: give a function, a pydantic model, a "
            "dataclass or a TypedDict"
        )
    return _tool_of(declared, name, description)


@lru_cache(KEPT)
def _tool_of(declared: Any, name: str | None, description: str | None) -> Tool:
    schema = schema_of(declared)
    docstring = schema.pop("description", "")  # of a type, where it has one of its own
    if is_function(declared):
        docstring = inspect.getdoc(declared) or ""
    schema.pop("title", None)
    summary, parameters = described(docstring)
    for parameter, words in parameters.items():
        if parameter in schema.get("properties", {}):
            schema["properties"][parameter].setdefault("description", words)
    name = name_for(declared.__name__) if name is None else name
    return Tool(name, summary if description is None else description, schema, declared)


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """The first paragraph of a docstring, and the description of each parameter under `Args`."""
    head, _, _ = docstring.partition("\n\n")
    summary = " ".join(head.split())
    lines = docstring.splitlines()
    start = next((index for index, line in enumerate(lines) if SECTION.match(line)), len(lines))
    parameters: dict[str, str] = {}
    name, indent = "", 0
    for line in lines[start + 1 :]:
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        if depth == 0:
            break
        entry = ENTRY.match(line.strip()) if not parameters or depth <= indent else None
        if entry is not None:
            name, indent = entry[1], depth
            parameters[name] = entry[2]
        elif name:
            parameters[name] = f"{parameters[name]} {line.strip()}".strip()
    return ("" if SECTION.match(head.partition("\n")[0]) else summary), parameters
