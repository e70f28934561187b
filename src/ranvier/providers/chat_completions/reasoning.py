"""Reasoning in chat completions: which servers want it back, and which reject a message without it.

In every later request, DeepSeek rejects an assistant message with tool calls that lacks its
`reasoning_content`. It ignores reasoning from rounds without tools, and its first reasoner (R1) answers 400
to it. So an unknown server gets back the reasoning that it sent itself, in rounds with tools only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ranvier.messages.message import Message, ToolResult

REASONING: Final = "reasoning_content"
"""The field of a message that holds the reasoning."""

NO_THOUGHT: Final = " "
"""The shortest reasoning that is accepted; an empty one gets a 400."""

DEMANDING: Final = ("deepseek", "kimi")
"""Models, by the start of their ids, that reject a tool call without reasoning."""

FIRST_REASONER: Final = "-r1"
"""Part of the ids of the DeepSeek models that reject reasoning instead."""


def demands_reasoning(base_url: str, model: str) -> bool:
    """True if the server, by host or model, rejects messages of a round with tools without reasoning."""
    bare = model.lower().rsplit("/", 1)[-1]
    if FIRST_REASONER in bare:
        return False
    return bare.startswith(DEMANDING) or "api.deepseek.com" in base_url


def rounds_with_tools(turns: Sequence[Message]) -> frozenset[int]:
    """The indices of assistant messages in rounds with tools; a round ends at the next user message.

    A user message with tool results, as in Anthropic's format, does not end a round.
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
