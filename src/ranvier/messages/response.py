"""What comes out: answers, and the steps of streamed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic

from ranvier.messages.native import Native
from ranvier.messages.request import Message, Part, Text, ToolCall

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # because it has defaults, which Python has from 3.13 on

    from ranvier.pipeline.price import Prices
    from ranvier.pipeline.record import Attempt, Record
    from ranvier.pipeline.story import Story

    ParsedT = TypeVar("ParsedT", default=Any)
    ParsedT_co = TypeVar("ParsedT_co", default=Any, covariant=True)
else:
    from typing import TypeVar

    ParsedT = TypeVar("ParsedT")
    ParsedT_co = TypeVar("ParsedT_co", covariant=True)


class FinishReason(StrEnum):
    """Why the model stopped, in words that are the same for every provider."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, counted the same way for every provider.

    Attributes:
        input: Tokens of the prompt, those read from and written to a cache included.
        output: Tokens of the answer, reasoning included.
        total: Input and output together.
        cache_read, cache_write, reasoning: Shares of the above.
        complete: False where the provider's last word on it never came.
    """

    input: int = 0
    output: int = 0
    total: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    complete: bool = True


@dataclass(slots=True)
class Response(Generic[ParsedT_co]):
    """An answer; `Response[Invoice]` is one whose `parsed` is an `Invoice`.

    Attributes:
        text: The words of the answer.
        tool_calls: The tools that the model asks for.
        reasoning: What the model let us see of its thinking.
        finish_reason: Why it stopped; `None` in what a broken stream had received.
        raw_finish_reason: The provider's own word for that.
        usage: The tokens of the attempt that answered.
        model: The model that answered, in the provider's words.
        provider: Who answered.
        id: The provider's id of the answer.
        parsed: The validated answer, where a `schema` was given; `None` while the answer calls tools.
        parts: The answer in its order, with what only its provider understands.
        attempts: What was tried until this answer came, oldest first.
        record: Of the call, from which its `story` is told.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    finish_reason: FinishReason | None = FinishReason.STOP
    raw_finish_reason: str | None = None
    usage: Usage = Usage(complete=False)
    model: str = ""
    provider: str = ""
    id: str | None = None
    parsed: ParsedT_co = None  # type: ignore[assignment]  # because: it is, until the answer is validated
    parts: tuple[Part, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    record: Record | None = field(default=None, repr=False, compare=False)

    @property
    def empty(self) -> bool:
        """True for an answer that ended well and holds nothing: no words, no tool call, no refusal, no media.

        Thoughts alone are no words, and it does not matter how many tokens are reported.
        """
        return (
            self.finish_reason is FinishReason.STOP
            and (not self.text or self.text.isspace())
            and not self.tool_calls
            and self.parsed is None
            and all(map(_holds_nothing, self.parts))
        )

    @property
    def story(self) -> Story | None:
        """Where the seconds of the call went; `None` for an answer that came out of no call."""
        return None if self.record is None else self.record.story()

    def explain(self, prices: Prices | None = None) -> str:
        """The same as a few lines to be read, quoting nobody; `prices` are as in `Story.explain`."""
        story = self.story
        return "no call was made" if story is None else story.explain(prices)

    @property
    def message(self) -> Message:
        """The answer as a message, to append to the history."""
        if self.parts:
            return Message("assistant", self.parts)
        return Message.assistant(self.text, tool_calls=self.tool_calls)


THOUGHTS = frozenset(("thinking", "redacted_thinking", "reasoning"))
"""Types of native parts that are thoughts."""

FIELDS_OF_THOUGHTS = frozenset(
    ("thinking", "thoughtSignature", "reasoning", "reasoning_content", "reasoning_details")
)
"""A native part that has no other fields holds thoughts, or signs them."""


def _holds_nothing(part: Part) -> bool:
    """True for blank text and for thoughts; false for pictures, sound and what a provider's own tools did."""
    if isinstance(part, Text):
        return not part.text.strip()
    if not isinstance(part, Native):
        return False
    if part.data.get("type") in THOUGHTS or part.data.get("thought") is True:
        return True
    fields = set(part.data) if part.data.get("text") else part.data.keys() - {"text"}
    return fields <= FIELDS_OF_THOUGHTS


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of a tool call. `id` and `name` come once per `index`; `arguments` add up to JSON.

    `native` is what only the issuer understands of the call; the last one counts.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    native: Native | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class StreamEvent:
    """One step of a streamed answer; what it is not about is empty.

    Attributes:
        text: The next words.
        reasoning: The next words of the model's thinking.
        tool_call: The next fragment of a tool call.
        finish_reason: Why the model stopped. The reader of a stream gets it once, as the last event, with
            the usage. An adapter may yield several: the last one counts, and content after one shows that
            it came early.
        usage: The tokens so far; the last report counts.
        raw_finish_reason, id, model: As in `Response`, once they are known.
        parts: What only the provider understands, for the history.
        skipped: Malformed chunks before this event that held no content.
    """

    text: str = ""
    reasoning: str = ""
    tool_call: ToolCallDelta | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    raw_finish_reason: str | None = None
    id: str | None = None
    model: str | None = None
    parts: Sequence[Native] = ()
    skipped: int = 0

    @property
    def has_content(self) -> bool:
        """True for what a person or a program waits for: text, reasoning, a tool call."""
        return bool(self.text or self.reasoning or self.tool_call is not None)


SIGN_OF_LIFE = StreamEvent()
"""Yielded by an adapter for bytes that carry no event (a ping, a comment, half a line): the stream
knows that its provider is alive, and the consumer never sees it."""
