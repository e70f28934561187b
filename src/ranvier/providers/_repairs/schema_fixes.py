"""Fixes for a response schema that a server rejected, of chat completions or of the Responses API.

The schema itself is always sent: without `strict`, or as text in the instructions. The answer is validated
against it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ranvier.providers._models.schemas import instruction
from ranvier.providers._reading import json
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import Change, Fix

ABOUT_SCHEMA: Final = re.compile(r"response_?format|text\.format|json_?schema|\bstrict\b|structured output")
NO_SCHEMAS: Final = re.compile(
    r"response_?format\b.{0,80}(?:unavailable|json_object)"
    r"|json_?schema\W{0,3}(?:\w+ ){0,4}(?:unavailable|unsupported|not (?:\w+ )?(?:support|avail|enabl|allow))"
    r"|(?:not|n't) support\w* (?:\S+ ){0,3}\W?json_?schema"
)
"""The server accepts no schemas at all: DeepSeek, older models of OpenAI, and some models at Azure."""


@dataclass(frozen=True)
class NotStrict:
    """Sends one schema without `strict`; other schemas may be accepted with it."""

    schema: str
    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Omit `strict`."""
        declared = _json_schema(fields)
        if declared is None or not declared.get("strict") or digest(declared.get("schema")) != self.schema:
            return []
        rest = {name: value for name, value in declared.items() if name != "strict"}
        if "input" in fields:
            fields["text"] = {**fields["text"], "format": rest}
        else:
            fields["response_format"] = {**fields["response_format"], "json_schema": rest}
        return [Change("strict", "left out")]


@dataclass(frozen=True)
class InInstructions:
    """Sends schemas as text in the instructions, and in chat completions requests only `json_object`."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Move the request's schema into the instructions, if it has one."""
        declared = _json_schema(fields)
        if declared is None or not isinstance(declared.get("schema"), Mapping):
            return []
        words = instruction(declared["schema"])
        if "input" in fields:
            fields["text"] = {name: value for name, value in fields["text"].items() if name != "format"}
            fields["instructions"] = "\n\n".join(filter(None, (fields.get("instructions"), words)))
        else:
            fields["response_format"] = {"type": "json_object"}
            fields["messages"] = _with_instruction(fields["messages"], words)
        return [Change("schema", "sent in the instructions")]


def schema_fix(complaint: Complaint, fields: Json) -> Fix | None:
    """The fix for a complaint about the response schema, or `None` if there is none."""
    declared = _json_schema(fields)
    named = complaint.names & {"response_format", "strict", "format"}
    if declared is None or not (named or ABOUT_SCHEMA.search(complaint.text)):
        return None
    if NO_SCHEMAS.search(complaint.text):
        return InInstructions()
    return NotStrict(digest(declared.get("schema"))) if declared.get("strict") else None


def digest(schema: object) -> str:
    """A hash that identifies a schema."""
    return hashlib.sha256(json.write(schema)).hexdigest()


def _json_schema(fields: Json) -> Mapping[str, Any] | None:
    outer = fields.get("text" if "input" in fields else "response_format")
    inner = "format" if "input" in fields else "json_schema"
    declared = outer.get(inner) if isinstance(outer, Mapping) else None
    if not isinstance(declared, Mapping) or (inner == "format" and declared.get("type") != "json_schema"):
        return None
    return declared if inner == "format" or isinstance(fields.get("messages"), list) else None


def _with_instruction(messages: list[Json], words: str) -> list[Json]:
    first = messages[0] if messages else {}
    if first.get("role") == "system" and isinstance(first.get("content"), str):
        return [{**first, "content": f"{first['content']}\n\n{words}"}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]
