"""What can be done where chat completions refuse the form in which an answer was asked for.

The schema itself is never given up: it is sent without the promise to hold to it, or in words. The answer
is held against it when it comes.
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

FORM: Final = re.compile(r"response_?format|json_?schema|\bstrict\b|structured output")
NO_SCHEMAS: Final = re.compile(
    r"response_?format\b.{0,80}(?:unavailable|json_object)"
    r"|json_?schema\W{0,3}(?:\w+ ){0,4}(?:unavailable|unsupported|not (?:\w+ )?(?:support|avail|enabl|allow))"
    r"|(?:not|n't) support\w* (?:\S+ ){0,3}\W?json_?schema"
)
"""The server takes no schemas at all: DeepSeek, older models of OpenAI and of others at Azure."""


@dataclass(frozen=True)
class NotStrict:
    """Sends one schema without `strict`: others may well be taken with it."""

    schema: str
    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Leave the word out."""
        form = _form(fields)
        if form is None or "strict" not in form or digest(form.get("schema")) != self.schema:
            return []
        rest = {name: value for name, value in form.items() if name != "strict"}
        fields["response_format"] = {**fields["response_format"], "json_schema": rest}
        return [Change("strict", "left out")]


@dataclass(frozen=True)
class InWords:
    """Sends schemas in the instructions, and asks for JSON alone."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Move the schema of the request, if it has one."""
        form = _form(fields)
        if form is None or not isinstance(form.get("schema"), Mapping):
            return []
        fields["response_format"] = {"type": "json_object"}
        fields["messages"] = _with_instruction(fields["messages"], instruction(form["schema"]))
        return [Change("schema", "sent in words")]


def fix_of_form(complaint: Complaint, fields: Json) -> Fix | None:
    """The fix for a complaint about the form of the answer."""
    form = _form(fields)
    if form is None or not (complaint.names & {"response_format", "strict"} or FORM.search(complaint.text)):
        return None
    if NO_SCHEMAS.search(complaint.text):
        return InWords()
    return NotStrict(digest(form.get("schema"))) if form.get("strict") else None


def digest(schema: object) -> str:
    """What tells schemas apart."""
    return hashlib.sha256(json.write(schema)).hexdigest()


def _form(fields: Json) -> Mapping[str, Any] | None:
    outer = fields.get("response_format")
    form = outer.get("json_schema") if isinstance(outer, Mapping) else None
    return form if isinstance(form, Mapping) and isinstance(fields.get("messages"), list) else None


def _with_instruction(messages: list[Json], words: str) -> list[Json]:
    first = messages[0] if messages else {}
    if first.get("role") == "system" and isinstance(first.get("content"), str):
        return [{**first, "content": f"{first['content']}\n\n{words}"}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]
