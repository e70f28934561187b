"""What only one wire has, in its own words: parts and tools that other wires reject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WirePart:
    """A part of a message that only one wire has: a document, audio, a file by its id. It is sent as it is.

    A target of another wire raises `UnsupportedRequestError`, so that `Fallback` asks the next one; a
    `Native`, which a model wrote for itself, is left out there instead.

    Attributes:
        wire: `anthropic`, `chat_completions`, `gemini` or `ollama`.
        data: The part, as the API of that wire takes it.
    """

    wire: str
    data: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The type that the part gives itself, for error messages."""
        return str(self.data.get("type") or next(iter(self.data), ""))[:60]


@dataclass(frozen=True, slots=True)
class WireTool:
    """A tool that only one wire has, such as a web search that the provider runs. It is sent as it is.

    A target of another wire raises `UnsupportedRequestError`, so that `Fallback` asks the next one.

    Attributes:
        wire: `anthropic`, `chat_completions`, `gemini` or `ollama`.
        data: The tool, as the API of that wire takes it.
    """

    wire: str
    data: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The type that the tool gives itself, for error messages."""
        return str(self.data.get("type") or next(iter(self.data), ""))[:60]

    @property
    def name(self) -> str:
        """The tool's name, or its type where it has none."""
        return str(self.data.get("name") or self.type)[:128]
