"""The form that an answer must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON schema, and what a valid answer is made into.

    Attributes:
        definition: The JSON schema, as the providers are given it.
        name: A short name for it; some wires want one.
        model: The pydantic model that `parsed` is an instance of; `None` leaves it plain data.
        repairs: How often a model whose answer does not fit is shown what is wrong, and asked again.
    """

    definition: Mapping[str, Any]
    name: str = "answer"
    model: type | None = None
    repairs: int = 0
