"""Keeps what a provider needs back (signatures, reasoning) in the `provider_details` of a response."""

from __future__ import annotations

from typing import Final

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from ranvier.errors.configuration import ConfigurationError, InvalidDumpError
from ranvier.messages.message import Message, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import Response
from ranvier.messages.saved.dumping import dump, load

KEY: Final = "ranvier"
"""The key in `provider_details` of the saved message."""


def keep(answer: Response) -> dict[str, str] | None:
    """The entry for `answer`; `None` if its parts represent all of it."""
    needed = any(isinstance(part, Native) or getattr(part, "native", None) for part in answer.parts)
    if not needed:
        return None
    try:
        return {KEY: dump([answer.message])}
    except ConfigurationError:  # a provider of the user's has put something into it that JSON cannot hold
        return None


def kept_message(response: ModelResponse) -> Message | None:
    """The message that `keep` has saved; `None` if the response was edited since, or the entry is damaged."""
    saved = (response.provider_details or {}).get(KEY)
    if not isinstance(saved, str):
        return None
    try:
        (message,) = load(saved)
    except (InvalidDumpError, ValueError):
        return None
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    same = message.text == text and message.tool_calls == tuple(map(call_of, calls))
    return message if same else None


def call_of(part: ToolCallPart) -> ToolCall:
    """The tool call in a part."""
    return ToolCall.parse(part.tool_call_id, part.tool_name, part.args_as_json_str())
