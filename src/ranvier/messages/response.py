"""Responses, and the events of streamed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic

from ranvier.messages.beside.details import Citation, Details, TokenLogprob
from ranvier.messages.message import Message, Part, Text, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.usage import UNKNOWN, Usage

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # because it has defaults, which Python supports from 3.13 on

    from ranvier.facts.attempt import Attempt
    from ranvier.facts.price import Prices
    from ranvier.facts.rate_limits import RateLimits
    from ranvier.facts.record import Record
    from ranvier.facts.story import Story

    ParsedT = TypeVar("ParsedT", default=Any)
    ParsedT_co = TypeVar("ParsedT_co", default=Any, covariant=True)
else:
    from typing import TypeVar

    ParsedT = TypeVar("ParsedT")
    ParsedT_co = TypeVar("ParsedT_co", covariant=True)


class FinishReason(StrEnum):
    """Why the model stopped, normalized across providers."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


@dataclass(slots=True)
class Response(Generic[ParsedT_co]):
    """An answer; `Response[Invoice]` is one whose `parsed` is an `Invoice`.

    Attributes:
        text: The text of the answer.
        tool_calls: The tool calls that the model requests.
        reasoning: The reasoning that the provider shows.
        finish_reason: Why the model stopped; `None` in the partial answer of a broken stream.
        raw_finish_reason: The finish reason as the provider sent it.
        usage: The tokens of the attempt that answered.
        model: The id of the model that answered, as the provider reports it.
        provider: The name of the provider that answered.
        id: The provider's id of the answer.
        parsed: The validated answer if a `schema` was given; `None` if the answer calls tools.
        parts: The answer in its order, including opaque parts that only its provider can use.
        attempts: The attempts up to this answer, oldest first.
        record: The record of the call, from which `story` is built.
        details: What the provider says about the answer, beside the content: `citations`, `logprobs`,
            `refusal`, `service_tier`, `request_id`, and its reply with `raw`, `headers` and `rate_limit`.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    finish_reason: FinishReason | None = FinishReason.STOP
    raw_finish_reason: str | None = None
    usage: Usage = UNKNOWN
    model: str = ""
    provider: str = ""
    id: str | None = None
    parsed: ParsedT_co = None  # type: ignore[assignment]  # because: it is None until the answer is validated
    parts: tuple[Part, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    record: Record | None = field(default=None, repr=False, compare=False)
    details: Details = field(default_factory=Details)

    @property
    def raw(self) -> Any:
        """The provider's own JSON, not copied: change nothing in it. It stays in this process.

        For a whole answer this is its body, and for OpenAI's Responses API the whole response, streamed or
        not. `resilient()` and limits on silence stream all answers; on other wires a stream has the list of
        its events if the call is made with `keep_raw=True`, else `None`. A key that it repeats is masked.
        """
        return None if self.details.reply is None else self.details.reply.raw

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the reply, by names in lower case: without secrets, and empty without a reply."""
        return {} if self.details.reply is None else self.details.reply.headers

    @property
    def rate_limit(self) -> RateLimits | None:
        """What is left of the limits of the key, by the headers; `None` if the provider does not say."""
        return None if self.details.reply is None else self.details.reply.rate_limit

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request, for its support; `None` if it sent none."""
        return self.details.request_id

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The sources that the answer names."""
        return tuple(self.details.citations)

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        """The tokens of the answer with their probabilities, if they were requested (by `extra=`)."""
        return tuple(self.details.logprobs)

    @property
    def refusal(self) -> str | None:
        """Why the model did not go on, in its provider's words; without any answer an error tells it."""
        return self.details.refusal

    @property
    def service_tier(self) -> str | None:
        """The class of service that answered, as the provider names it; `None` if it does not say."""
        return self.details.service_tier

    @property
    def empty(self) -> bool:
        """True if the answer ended without content: no text, tool call, refusal or media.

        Reasoning alone is not content. The number of reported tokens does not matter. An answer that a limit
        or a filter has ended is not empty.
        """
        return (
            (not self.text or self.text.isspace())
            and self.finish_reason in (FinishReason.STOP, FinishReason.OTHER)
            and not self.tool_calls
            and self.parsed is None
            and all(map(_holds_nothing, self.parts))
        )

    @property
    def story(self) -> Story | None:
        """Where the seconds of the call went; `None` for an answer outside a call."""
        return None if self.record is None else self.record.story()

    def explain(self, prices: Prices | None = None) -> str:
        """`story` as a few lines of text, without prompts or messages; `prices` as in `Story.explain`."""
        story = self.story
        return "no call was made" if story is None else story.explain(prices)

    @property
    def message(self) -> Message:
        """The answer as a message, to append to the history."""
        if self.parts:
            return Message("assistant", self.parts)
        return Message.assistant(self.text, tool_calls=self.tool_calls)


THOUGHTS = frozenset(("thinking", "redacted_thinking", "reasoning"))
"""Types of native parts that hold reasoning."""

FIELDS_OF_THOUGHTS = frozenset(
    (
        *("thinking", "thoughtSignature", "reasoning", "reasoning_content", "reasoning_details", "phase"),
        "reasoningContent",
    )
)
"""A native part with no other fields holds reasoning, its signature, or what kind of text follows."""


def _holds_nothing(part: Part) -> bool:
    """True for blank text and reasoning; false for images, audio and results of a provider's own tools."""
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
    """A fragment of a tool call. `id` and `name` arrive once per `index`; `arguments` concatenate to JSON.

    `native` is opaque data of the call that only its issuer can use; the last one counts.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    native: Native | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class StreamEvent:
    """One event of a streamed answer; fields that do not apply are empty.

    Attributes:
        text: The next piece of text.
        reasoning: The next piece of reasoning.
        tool_call: The next fragment of a tool call.
        finish_reason: Why the model stopped. The reader of a stream gets it once, as the last event, with
            the usage. An adapter may yield several: the last one counts, and content after one shows that
            it was premature.
        usage: The tokens so far; the last report counts.
        raw_finish_reason, id, model: As in `Response`, once they are known.
        parts: Opaque parts that only the provider can use, for the history.
        skipped: Number of malformed chunks without content before this event.
        restarted: The stream broke, and another attempt follows from its beginning: discard everything before
            this event, which has nothing else. Only with `stream(..., on_break="restart")`.
        details: As in `Response`, complete with the last event of a stream; `None` in most events. Of several
            the last counts.
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
    restarted: bool = False
    details: Details | None = field(default=None, repr=False, compare=False)

    @property
    def has_content(self) -> bool:
        """True if the event holds text, reasoning or a fragment of a tool call."""
        return bool(self.text or self.reasoning or self.tool_call is not None)


SIGN_OF_LIFE = StreamEvent()
"""Yielded by an adapter for bytes that carry no event (a ping, a comment, half a line): it restarts the
`idle` limit of the stream, and the reader never sees it."""
