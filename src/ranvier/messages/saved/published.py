"""The JSON schema of saved texts, which is published with the package and the documentation."""

from __future__ import annotations

import json
from typing import Any, Final

from ranvier.messages.saved.answers import ATTEMPT, CITATION, LIKELY, LOGPROB, RESPONSE, USAGE
from ranvier.messages.saved.dumping import HISTORY
from ranvier.messages.saved.envelope import VERSION
from ranvier.messages.saved.parts import MESSAGE, PARTS

FILE: Final = "saved.schema.json"
"""Its name, in this folder and in `docs/`."""


def schema() -> dict[str, Any]:
    """The schema of the current version."""
    records = (MESSAGE, *PARTS, RESPONSE, USAGE, ATTEMPT, CITATION, LOGPROB, LIKELY)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A conversation or a response, saved by ranvier.messages, version {VERSION}",
        "oneOf": [
            _envelope("history", HISTORY.schema),
            _envelope("response", RESPONSE.kind.schema),
        ],
        "$defs": {record.name: record.definition for record in records},
    }


def _envelope(what: str, contents: Any) -> dict[str, Any]:
    fields = {"format": {"const": f"ranvier.{what}"}, "version": {"const": VERSION}, what: contents}
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def text() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(text(), end="")
