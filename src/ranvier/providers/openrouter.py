"""OpenRouter: chat completions of many vendors, whose thoughts it hands on as `reasoning_details`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ranvier.providers._openai_answer import ChunkReader
from ranvier.providers._openai_wire import ChatCompletions
from ranvier.providers._reading import AnswerReader, Json

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

GROWING: Final = ("text", "summary", "data")
"""The fields of a thought that come in pieces."""


class OpenRouter(ChatCompletions):
    """Any model by way of OpenRouter: `OpenRouter()` with `"anthropic/claude-sonnet-5"`."""

    family = "openrouter"
    environment = ("OPENROUTER_API_KEY",)
    default_model = "openrouter/auto"
    default_base_url = "https://openrouter.ai/api/v1"
    returned = ("reasoning_details",)

    def reader(self, call: Call) -> AnswerReader:
        """Understands the chunks of one answer, and puts the thoughts in them together again."""
        return ThoughtReader(self.family, self.returned)


class ThoughtReader(ChunkReader):
    """Understands chunks in which thoughts come in pieces."""

    def joined(self, before: Any, piece: Any) -> Any:
        """`before` and the next piece of it; of thoughts, pieces of the same one become one again."""
        if not isinstance(before, list) or not isinstance(piece, list):
            return super().joined(before, piece)
        return whole_thoughts([*before, *piece])


def whole_thoughts(pieces: Iterable[Any]) -> list[Any]:
    """The thoughts that `pieces` add up to: they go back as if they had come whole, or they are refused."""
    thoughts: list[Any] = []
    for piece in pieces:
        if thoughts and _continues(thoughts[-1], piece):
            thoughts[-1] = _grown(thoughts[-1], piece)
        else:
            thoughts.append(piece)
    return thoughts


def _continues(thought: Any, piece: Any) -> bool:
    if not isinstance(thought, dict) or not isinstance(piece, dict) or thought.get("index") is None:
        return False
    return all(thought.get(name) == piece.get(name) for name in ("type", "index"))


def _grown(thought: Json, piece: Json) -> Json:
    grown = thought | {name: value for name, value in piece.items() if value is not None}
    for name in GROWING:
        before, more = thought.get(name), piece.get(name)
        if isinstance(before, str) and isinstance(more, str):
            grown[name] = before + more
    return grown
