"""When a streamed answer is complete: the one place that defines it, for every wire.

    wire              complete with                         also complete with
    chat completions  a `finish_reason`                     `[DONE]` after a separate usage report that
                                                            follows the last content, or after tool calls
                                                            whose arguments are complete JSON objects
    Responses         `response.completed`, `.incomplete`   -
    Anthropic         `message_stop`                        a `stop_reason` and the end of the body
    Gemini            a `finishReason`                      -
    Ollama            a line with `done: true`              -

Why:

- Usage is counted when an answer is done, and a JSON object cannot continue after its last brace. So
  Snowflake Cortex and NVIDIA NIM, which send no finish reason, still prove that nothing is missing.
  `[DONE]` after text alone proves nothing: proxies send it when their upstream has broken.
- Only `message_stop` follows Anthropic's `stop_reason`, and some gateways omit it.
- A stream that ends in any other way was cut off, and is never an answer.

A finish reason may come early: Gemini sends STOP after each piece or after the round of a built-in tool,
and gateways repeat theirs in every chunk. So on every wire, content after a finish reason cancels it, and
the last finish reason counts. After an early one, only the end of the body or `[DONE]` after a later one
makes the answer complete: an error or a broken connection does not. The same holds for a finish reason
before any text or tool call, unless it explains why there is none: then the connection may break, but an
error that the server sends counts, unless it only repeats that a limit was reached. After any other finish
reason the answer is complete, whatever happens next.

A finish reason may also be an error: that of tool calls without a call, or a content filter's without text.
It is raised at the end of the body, or when the connection breaks: usage, or the call, may follow it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ranvier.messages.beside.details import Details
from ranvier.messages.collector import EXPLAINS_SILENCE, Step, steps_of
from ranvier.messages.native import Native
from ranvier.messages.response import FinishReason, Response, StreamEvent, ToolCallDelta
from ranvier.messages.usage import Usage
from ranvier.providers._reading.finish_reasons import finish_reason
from ranvier.providers._reading.reading import Json, NoAnswerError

if TYPE_CHECKING:
    from ranvier.providers._wire.issuer import Issuer


class AnswerReader(ABC):
    """Reads the events of one streamed answer.

    Attributes:
        events: The steps read since the list was last replaced; plain text is a `str`.
        answered: Text or a tool call has arrived.
        stopped: Why the model stopped; `None` while it has not, and again after content has followed.
        early: A finish reason came early: a later one counts only at the end of the body.
        failure: Why the finish reason makes no answer of what has arrived: raised at the end of the body.
        finished: Nothing that matters can follow.
        names_events: Its events have names, without which SDKs skip them.
        issuer: The target that answers; `None` leaves parts unmarked.
        lenient: A whole answer has come in place of events, or a message in place of deltas.
        details: What the provider says beside the content; it grows until the last event.
        whole: The provider's own JSON of the whole answer, if one event holds it.
    """

    names_events: ClassVar[bool] = False
    issuer: Issuer | None = None

    def __init__(self) -> None:
        self.events: list[Step] = []
        self.answered = False
        self.stopped: FinishReason | None = None
        self.early = False
        self.failure: NoAnswerError | None = None
        self.finished = False
        self.lenient = False
        self.details = Details()
        self.whole: Json | None = None

    @property
    def complete(self) -> bool:
        """True once the answer is complete, whatever breaks from now on."""
        credible = self.answered or self.stopped in EXPLAINS_SILENCE
        return self.stopped is not None and credible and not self.early and self.failure is None

    @abstractmethod
    def read(self, body: Json) -> None:
        """Read one event of the wire and add its steps to `events`.

        Raises:
            NoAnswerError: the event breaks the API's contract.
        """

    def reason(self, raw: str, *, calls_tools: bool, refusal: str = "") -> FinishReason:
        """The meaning of the provider's finish reason, for what has arrived so far; sets `failure`."""
        self.failure = None
        try:
            return finish_reason(raw, answered=self.answered, calls_tools=calls_tools, refusal=refusal)
        except NoAnswerError as failure:  # usage may follow, or what is missing
            self.failure = failure.with_traceback(None)
            return FinishReason.OTHER

    def finish(self, raw: str, usage: Usage | None) -> StreamEvent:
        """The event with the finish reason, without that if it is a failure; to be added to `events`."""
        if self.failure is not None:
            return StreamEvent(usage=usage)
        return StreamEvent(finish_reason=self.stopped, raw_finish_reason=raw or None, usage=usage)

    def add_text(self, words: str) -> None:
        """Add text of the answer, unless it is empty."""
        if words:
            self.answered = True
            self.events.append(words)

    def read_whole(self, response: Response, body: Json) -> None:
        """Add a complete answer, read from `body`, as from a server that does not stream."""
        if self.issuer is not None:
            self.issuer.sign(response)
        kept, self.details, self.whole, self.lenient = self.details, response.details, body, True
        self.details.request_id, self.details.reply = kept.request_id, kept.reply
        self.events += steps_of(response)

    def native(self, wire: str, data: Json) -> Native:
        """An opaque part of the answer, which only its issuer can read."""
        return Native(wire, data) if self.issuer is None else self.issuer.native(data)

    def called(self, delta: ToolCallDelta) -> ToolCallDelta:
        """The start of a tool call, with the tool name that the caller gave."""
        return delta if self.issuer is None else self.issuer.called(delta)

    def read_on(self, body: Json) -> None:
        """Read an event after a finish reason: usage, the same reason again, or content that cancels it.

        Raises:
            NoAnswerError: the event breaks the API's contract.
        """
        known, reason, complete = len(self.events), self.stopped, self.complete
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
                if complete and self.failure is not None:  # whatever happens after a complete answer
                    self.stopped = self.failure = None
                self.stopped = self.stopped or reason

    def _leave_out(self, reason: FinishReason | None, added: list[StreamEvent]) -> None:
        """Remove a repeated `reason`; servers send it again with the usage."""
        for event in added:
            if event.finish_reason == reason:
                event.finish_reason = event.raw_finish_reason = None

    def done(self) -> None:
        """Handle the marker `[DONE]`.

        Raises:
            NoAnswerError: it does not prove that the answer is complete.
        """
        if self.stopped is None:
            raise NoAnswerError("the stream sent [DONE] without a finish reason")
        self.end()
        self.finished = True

    def end(self) -> None:
        """Handle the end of the body: add to `events` what was held back until then.

        Raises:
            NoAnswerError: the answer is incomplete.
        """
        if self.stopped is None:
            raise NoAnswerError("the stream was cut off before the answer was complete")
        if self.failure is not None:
            raise self.failure
