"""The JSON schema of a file, for editors: `docs/config.schema.json` is a copy of it."""

from __future__ import annotations

from typing import Any

from ranvier.config.file import file_model


def schema() -> dict[str, Any]:
    """The JSON schema of a file."""
    made = file_model().model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "A pipeline of ranvier",
    }
