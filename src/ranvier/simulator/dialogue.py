"""What is asked and what is answered, in words that belong to no wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Finish = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why an answer ends, in the words of `ranvier.FinishReason`."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the request offers.

    Attributes:
        name: What a call of it is named.
        schema: The JSON schema of its arguments.
    """

    name: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, read from its wire.

    Attributes:
        provider: Whose wire it came over; `"openai-eu"` is another provider on the wire of `"openai"`.
        key: The API key, or `None` where the wire needs none and none was sent.
        model: The model's id.
        streaming: The answer is wanted token by token.
        prompt: The last thing that the user said.
        input_tokens: How long the whole request is, roughly.
        limit: The most tokens that the answer may have; `None` is without limit.
        tools: What the model may call.
        must_call: The name of a tool that it has to call, `""` for any of them, `None` for no such duty.
        answers_tool: The last message is a tool's result, which wants words rather than another call.
        reports_usage: A stream ends with the usage, as `stream_options` of chat completions may say.
        thinks: The model shows its reasoning before it answers.
        form: The JSON schema that the answer has to fit; `None` is words.
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
    form: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool, with its arguments as they parse."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer, cut into tokens.

    Attributes:
        number: Which request of the simulator's life it answers, from 1; ids are made of it.
        seed: The simulator's; ids are made of it, too.
        model: The model's id, as it was asked for.
        created: Seconds since the epoch.
        input_tokens: How long the request was.
        text, reasoning: The tokens; joined, they are the whole.
        tools: The tools that the model calls after its words.
        finish: Why it ends.
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

    @property
    def id(self) -> str:
        """What tells this answer from every other of the same run, the same in every run."""
        return f"{self.seed:x}s{self.number:08x}"

    @property
    def output_tokens(self) -> int:
        """How long the answer is, its reasoning included: a call of a tool counts as four tokens."""
        return len(self.text) + len(self.reasoning) + 4 * len(self.tools)
