"""OpenRouter: chat completions of many vendors, with their reasoning as `reasoning_details`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ranvier.messages.message import Message
from ranvier.providers._history.history import natives
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers._wire.media import ANY_AUDIO, PDFS, PDFS_BY_URL
from ranvier.providers.chat_completions.adapter import ChatCompletions
from ranvier.providers.chat_completions.chunks import ChunkReader
from ranvier.providers.chat_completions.reasoning import REASONING

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

GROWING: Final = ("text", "summary", "data")
"""The fields of a reasoning detail that arrive in pieces."""


class OpenRouter(ChatCompletions):
    """Any model through OpenRouter: `OpenRouter()` with `"anthropic/claude-sonnet-5"`."""

    family = "openrouter"
    environment = ("OPENROUTER_API_KEY",)
    default_model = "openrouter/auto"
    default_base_url = "https://openrouter.ai/api/v1"
    returned = ("reasoning_details",)
    media = frozenset((PDFS, PDFS_BY_URL, *ANY_AUDIO))

    def put_back(self, call: Call, message: Message, answer: Json, *, in_tool_round: bool) -> None:
        """Send back the reasoning details, else the plain text of the reasoning."""
        super().put_back(call, message, answer, in_tool_round=in_tool_round)
        for data in natives(message):
            if REASONING in data and "reasoning_details" not in answer:
                answer["reasoning"] = data[REASONING]

    def reader(self, call: Call) -> AnswerReader:
        """The reader of a streamed answer, which also joins the reasoning details."""
        return ThoughtReader(self.family, self.returned)


class ThoughtReader(ChunkReader):
    """Reads chunks whose reasoning details arrive in pieces."""

    def joined(self, pieces: list[Any]) -> Any:
        """The pieces of a field joined, and the pieces of each reasoning detail too."""
        joined = super().joined(pieces)
        return joined_details(joined) if isinstance(joined, list) else joined


def joined_details(pieces: Iterable[Any]) -> list[Any]:
    """The reasoning details that `pieces` add up to: the server rejects them unless they are joined."""
    details: list[list[Any]] = []  # the pieces of each: joined once, since there may be thousands
    for piece in pieces:
        if details and _continues(details[-1][0], piece):
            details[-1].append(piece)
        else:
            details.append([piece])
    return [_joined(detail) if len(detail) > 1 else detail[0] for detail in details]


def _continues(detail: Any, piece: Any) -> bool:
    if not isinstance(detail, dict) or not isinstance(piece, dict) or detail.get("index") is None:
        return False
    return all(detail.get(name) == piece.get(name) for name in ("type", "index"))


def _joined(pieces: list[Json]) -> Json:
    whole = dict(pieces[0])
    for piece in pieces:
        whole.update((name, value) for name, value in piece.items() if value is not None)
    for name in GROWING:
        texts = [piece[name] for piece in pieces if isinstance(piece.get(name), str)]
        if texts and isinstance(whole[name], str):
            whole[name] = "".join(texts)
    return whole
