"""When a streamed answer is whole. The rule, for every wire, stands here and nowhere else.

    wire              whole with                            also whole with
    chat completions  a `finish_reason`                     `[DONE]` after a usage report of its own that
                                                            follows the last content, or after tool calls
                                                            whose arguments are whole JSON objects
    Anthropic         `message_stop`                        a `stop_reason` and the end of the body
    Gemini            a `finishReason`                      -
    Ollama            a line with `done: true`              -

Why:

- Usage is counted when an answer is done, and a JSON object cannot go on after its last brace. So
  Snowflake Cortex and NVIDIA NIM, which send no finish reason, still prove with these that nothing is
  missing. `[DONE]` after mere words proves nothing: proxies send it when their upstream has broken.
- Nothing but `message_stop` follows a `stop_reason` of Anthropic's, and gateways leave it out.
- Everything else that ends is cut, and never an answer.

A finish reason may come early: Gemini says STOP after each piece or after the round of a built-in tool,
gateways repeat theirs in every chunk. So on every wire content after a finish reason takes it back, and
the last one counts. Once one has come early, only the end of the body or `[DONE]` after another one makes
the answer whole: an error or a broken connection does not. The same holds for a finish reason before any
word or tool call, unless it says why there is none: then the connection may break, but an error that the
server tells counts, unless it only says again that a limit was met. After any other finish reason the answer
is whole, whatever happens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from ranvier.messages import FinishReason, Native, StreamEvent, ToolCallDelta
from ranvier.pipeline.collector import EXPLAINS_SILENCE, Step
from ranvier.providers._reading import Json, NoAnswerError

if TYPE_CHECKING:
    from ranvier.providers._issuer import Issuer


class AnswerReader(ABC):
    """Understands the events of one streamed answer.

    Attributes:
        events: What was said since the list was last replaced, words alone as a `str`.
        answered: Words or a tool call have come.
        stopped: Why the model stopped; `None` while it has not, and when content has followed.
        early: A finish reason has come early: the next one is believed at the end of the body only.
        finished: Nothing that matters can follow.
        issuer: The target that answers; `None` leaves parts unmarked.
    """

    issuer: Issuer | None = None

    def __init__(self) -> None:
        self.events: list[Step] = []
        self.answered = False
        self.stopped: FinishReason | None = None
        self.early = False
        self.finished = False

    @property
    def complete(self) -> bool:
        """True once the answer is whole whatever breaks from now on."""
        credible = self.answered or self.stopped in EXPLAINS_SILENCE
        return self.stopped is not None and credible and not self.early

    @abstractmethod
    def read(self, body: Json) -> None:
        """Add to `events` what one event of the wire says.

        Raises:
            NoAnswerError: not what the API promises.
        """

    def say(self, words: str) -> None:
        """Add words of the answer, if there are any."""
        if words:
            self.answered = True
            self.events.append(words)

    def native(self, wire: str, data: Json) -> Native:
        """A part of the answer that only its issuer understands."""
        return Native(wire, data) if self.issuer is None else self.issuer.native(data)

    def called(self, delta: ToolCallDelta) -> ToolCallDelta:
        """The start of a tool call, the tool by the name that the caller gave it."""
        return delta if self.issuer is None else self.issuer.called(delta)

    def read_on(self, body: Json) -> None:
        """Read an event that follows a finish reason: usage, the same again, or content that takes it back.

        Raises:
            NoAnswerError: not what the API promises.
        """
        known, reason = len(self.events), self.stopped
        self.stopped = None
        try:
            self.read(body)
        finally:
            added = self.events[known:]
            events = [step for step in added if not isinstance(step, str)]
            if len(events) < len(added) or any(event.has_content for event in events):
                self.early = True
            else:
                self.early = self.early or any(event.parts for event in events)
                if not self.finished:
                    self._leave_out(reason, events)
                self.stopped = self.stopped or reason

    def _leave_out(self, reason: FinishReason | None, added: list[StreamEvent]) -> None:
        """Say `reason` only once; servers repeat it with the usage."""
        for event in added:
            if event.finish_reason == reason:
                event.finish_reason = event.raw_finish_reason = None

    def done(self) -> None:
        """The marker `[DONE]` has come.

        Raises:
            NoAnswerError: it does not prove that the answer is whole.
        """
        if self.stopped is None:
            raise NoAnswerError("the stream says that it is done, but the answer has no end")
        self.end()
        self.finished = True

    def end(self) -> None:
        """The body has ended; add to `events` what was held back until then.

        Raises:
            NoAnswerError: the answer is not whole.
        """
        if self.stopped is None:
            raise NoAnswerError("the stream was cut: it ended before the answer did")
