"""Reasoning in the dialect of chat completions: who wants it back, and who refuses a turn without it.

DeepSeek refuses a turn that called a tool without the `reasoning_content` that led to it, in all later
requests. It ignores that of rounds without tools, for which its first reasoner (R1) answered 400. So a
server of which nothing else is known gets back what it sent itself, in rounds with tools only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ranvier.messages.request import Message, ToolResult

REASONING: Final = "reasoning_content"
"""The field of a message that holds it."""

NO_THOUGHT: Final = " "
"""The least reasoning that is taken; an empty one is a 400."""

DEMANDING: Final = ("deepseek", "kimi")
"""Models, by the start of their ids, that refuse a call of a tool without reasoning."""

FIRST_REASONER: Final = "-r1"
"""In the id of the models of DeepSeek that refuse reasoning instead."""


def demands_reasoning(base_url: str, model: str) -> bool:
    """True where a turn of a round with tools is refused without reasoning, by host or by model."""
    bare = model.lower().rsplit("/", 1)[-1]
    if FIRST_REASONER in bare:
        return False
    return bare.startswith(DEMANDING) or "api.deepseek.com" in base_url


def rounds_with_tools(turns: Sequence[Message]) -> frozenset[int]:
    """The indices of the model's turns in rounds with tools; a round ends at the next message of the user.

    Results of tools may stand in a message of the user, as at Anthropic: they end no round.
    """
    found: list[int] = []
    answers: list[int] = []
    calls = False
    for index, turn in enumerate(turns):
        if turn.role == "user" and not any(isinstance(part, ToolResult) for part in turn.parts):
            found += answers if calls else ()
            answers, calls = [], False
        elif turn.role == "assistant":
            answers.append(index)
            calls = calls or bool(turn.tool_calls)
    return frozenset(found + answers if calls else found)
