"""Requests and answers in a form that is independent of any provider's API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Finish = Literal["stop", "length", "tool_calls", "content_filter"]
"""The finish reason of an answer, as in `ranvier.FinishReason`."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the request offers.

    Attributes:
        name: The tool's name.
        schema: The JSON schema of its arguments.
    """

    name: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One parsed request.

    Attributes:
        provider: The provider's name; `"openai-eu"` is a separate provider with the API of `"openai"`.
        key: The API key, or `None` if none was sent and the API needs none.
        model: The model's id.
        streaming: True if the answer is streamed.
        prompt: The text of the last user message.
        input_tokens: The approximate number of tokens in the whole request.
        limit: The most tokens that the answer may have; `None` means no limit.
        tools: The tools that the model may call.
        must_call: The name of a tool that the model must call, `""` for any tool, `None` for no obligation.
        answers_tool: True if the last message is a tool result, so the answer is text and not another call.
        reports_usage: True if a stream ends with the usage; in chat completions, `stream_options` sets it.
        thinks: True if the model shows its reasoning before it answers.
        schema: The JSON schema that the answer must fit; `None` means plain text.
    """

    provider: str
    key: str | None
    model: str
    streaming: bool
    prompt: str = ""
    input_tokens: int = 1
    limit: int | None = None
    tools: tuple[Tool, ...] = ()
    must_call: str | None = None
    answers_tool: bool = False
    reports_usage: bool = True
    thinks: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One tool call, with its parsed arguments."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer, cut into tokens.

    Attributes:
        number: The number of the request it answers, counted from 1; part of every id.
        seed: The simulator's seed; part of every id.
        model: The requested model's id.
        created: Seconds since the epoch.
        input_tokens: The number of tokens in the request.
        text, reasoning: The tokens; joined, they are the whole text.
        tools: The tool calls after the text.
        finish: The finish reason.
        account: The account that asked, which encrypted reasoning is bound to.
    """

    number: int
    seed: int
    model: str
    created: int
    input_tokens: int
    text: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    finish: Finish = "stop"
    account: str = ""

    @property
    def id(self) -> str:
        """An id that is unique within a run and the same in every run."""
        return f"{self.seed:x}s{self.number:08x}"

    @property
    def output_tokens(self) -> int:
        """The number of tokens in the answer and its reasoning; a tool call counts as four."""
        return len(self.text) + len(self.reasoning) + 4 * len(self.tools)
