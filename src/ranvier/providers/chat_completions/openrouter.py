"""OpenRouter: chat completions of many vendors, whose thoughts it hands on as `reasoning_details`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ranvier.messages.request import Message
from ranvier.providers._history.history import natives
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers.chat_completions.adapter import ChatCompletions
from ranvier.providers.chat_completions.chunks import ChunkReader
from ranvier.providers.chat_completions.reasoning import REASONING

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

    def put_back(self, call: Call, message: Message, answer: Json, *, in_tool_round: bool) -> None:
        """The details of the reasoning, else its plain words."""
        super().put_back(call, message, answer, in_tool_round=in_tool_round)
        for data in natives(message):
            if REASONING in data and "reasoning_details" not in answer:
                answer["reasoning"] = data[REASONING]

    def reader(self, call: Call) -> AnswerReader:
        """Understands the chunks of one answer, and puts the thoughts in them together again."""
        return ThoughtReader(self.family, self.returned)


class ThoughtReader(ChunkReader):
    """Understands chunks in which thoughts come in pieces."""

    def joined(self, pieces: list[Any]) -> Any:
        """What the pieces of a field are together; of thoughts, pieces of the same one become one again."""
        whole = super().joined(pieces)
        return whole_thoughts(whole) if isinstance(whole, list) else whole


def whole_thoughts(pieces: Iterable[Any]) -> list[Any]:
    """The thoughts that `pieces` add up to: they go back as if they had come whole, or they are refused."""
    thoughts: list[list[Any]] = []  # of each its pieces: joined once, since there may be thousands
    for piece in pieces:
        if thoughts and _continues(thoughts[-1][0], piece):
            thoughts[-1].append(piece)
        else:
            thoughts.append([piece])
    return [_whole(thought) if len(thought) > 1 else thought[0] for thought in thoughts]


def _continues(thought: Any, piece: Any) -> bool:
    if not isinstance(thought, dict) or not isinstance(piece, dict) or thought.get("index") is None:
        return False
    return all(thought.get(name) == piece.get(name) for name in ("type", "index"))


def _whole(pieces: list[Json]) -> Json:
    whole = dict(pieces[0])
    for piece in pieces:
        whole.update((name, value) for name, value in piece.items() if value is not None)
    for name in GROWING:
        texts = [piece[name] for piece in pieces if isinstance(piece.get(name), str)]
        if texts and isinstance(whole[name], str):
            whole[name] = "".join(texts)
    return whole
