"""Parts and tools in the format of one wire, which other wires do not support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WirePart:
    """A part of a message that only one wire supports: a video, a file by its id; sent unchanged.

    A target of another wire raises `UnsupportedRequestError`, so that `Fallback` tries the next one. A
    `Native`, which a model issued for itself, is left out there instead.

    Attributes:
        wire: `anthropic`, `chat_completions`, `responses`, `gemini` or `ollama`.
        data: The part, in the format of that wire's API.
    """

    wire: str
    data: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The part's own type, for error messages."""
        return str(self.data.get("type") or next(iter(self.data), ""))[:60]


@dataclass(frozen=True, slots=True)
class WireTool:
    """A tool that only one wire supports, such as a web search that the provider runs; sent unchanged.

    A target of another wire raises `UnsupportedRequestError`, so that `Fallback` tries the next one.

    Attributes:
        wire: `anthropic`, `chat_completions`, `responses`, `gemini` or `ollama`.
        data: The tool, in the format of that wire's API.
    """

    wire: str
    data: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The tool's own type, for error messages."""
        return str(self.data.get("type") or next(iter(self.data), ""))[:60]

    @property
    def name(self) -> str:
        """The tool's name, or its type if it has none."""
        return str(self.data.get("name") or self.type)[:128]
