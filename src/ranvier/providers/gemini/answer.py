"""Reads an answer of Gemini's API, complete or in pieces, which have the same format."""

from __future__ import annotations

from typing import Final

from ranvier.messages.collector import Collector
from ranvier.messages.response import FinishReason, Response, StreamEvent, ToolCallDelta
from ranvier.messages.usage import Usage
from ranvier.providers._history.call_ids import new_call_id
from ranvier.providers._reading.finish_reasons import stop_word
from ranvier.providers._reading.reading import Json, NoAnswerError, entries, entry, first, label, text
from ranvier.providers._reading.usage import Counts
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers.chat_completions.fragments import read_arguments, tool_name
from ranvier.providers.gemini.details import FIELDS, DetailReader

SIGNATURE: Final = "thoughtSignature"
"""The signature of a part, which must be sent back with it; kept as a separate part before it."""

BLOCKED: Final = "blocked: "
"""Prefix of the reason why a prompt was blocked, which is not a finish reason of Gemini's."""

OF_BUILT_IN_TOOLS: Final = frozenset(("executableCode", "codeExecutionResult"))
"""The fields of parts about a built-in tool, which Gemini runs itself."""

NUMBERED: Final = (
    *("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "BLOCKLIST"),
    *("PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL", "MODEL_ARMOR"),
)
"""The finish reasons by number, as Vertex may send them."""


def read_finish(value: object) -> str:
    """The provider's finish reason; empty while there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = NUMBERED[value] if 0 <= value < len(NUMBERED) else str(value)
    return stop_word(value, "finishReason")


def read_usage(value: object) -> Usage | None:
    """The tokens of a usage report; it counts thinking and tool results separately."""
    if not value:
        return None
    counts = Counts(value)
    prompt, answer = counts.stated("promptTokenCount"), counts.stated("candidatesTokenCount")
    tools, thoughts = counts.count("toolUsePromptTokenCount"), counts.count("thoughtsTokenCount")
    return Usage(
        input=prompt + tools,
        output=answer + thoughts,
        total=counts.count("totalTokenCount") or prompt + tools + answer + thoughts,
        cache_read=counts.count("cachedContentTokenCount"),
        reasoning=thoughts,
        complete=counts.complete,
    )


def read_answer(body: Json) -> Response:
    """Read a complete answer: a single piece."""
    collector, reader = Collector(), PartReader()
    reader.read(body)
    if reader.stopped is None and reader.held is None:
        # A gateway may omit the finish reason; the complete JSON shows that the answer is complete.
        reader.stop("", None)
    reader.end()
    collector.details = reader.details
    for step in reader.events:
        collector.add(step)
    return collector.response("", "")


class PartReader(AnswerReader):
    """Reads the pieces of one answer.

    Attributes:
        held: A finish reason after the round of a built-in tool. The answer usually continues, so this reason
            is emitted only at the end of the body, and dropped if content comes before that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: StreamEvent | None = None
        self._introduced = False  # the id and the model have been emitted
        self._calls = 0
        self._beside: DetailReader | None = None

    def read(self, body: Json) -> None:
        """Read one piece."""
        if not self._introduced:
            self._introduced = True
            self.events.append(
                StreamEvent(id=label(body.get("responseId")), model=label(body.get("modelVersion")))
            )
        usage = read_usage(body.get("usageMetadata"))
        candidate = first(entries(body.get("candidates"), "candidates"))
        parts = entries(entry(candidate.get("content"), "content").get("parts"), "parts")
        known = len(self.events)
        for part in parts:
            self._read_part(part)
        if len(self.events) > known:
            self.held = None
        if not FIELDS.isdisjoint(candidate):
            self._details_reader().read(candidate)
        if raw := read_finish(candidate.get("finishReason")) or _blocked(body):
            self.stop(raw, usage, of_tool=bool(parts) and bool(parts[-1].keys() & OF_BUILT_IN_TOOLS))
            refused = self.stopped is FinishReason.CONTENT_FILTER
            self._details_reader().finish(candidate, body, refused=refused)
        elif usage is not None:
            self.events.append(StreamEvent(usage=usage))

    def stop(self, raw: str, usage: Usage | None, *, of_tool: bool = False) -> None:
        """Emit the finish reason that Gemini names `raw`."""
        blocked = raw if raw.startswith(BLOCKED) else ""
        reason = self.reason(raw, calls_tools=self._calls > 0, refusal=blocked)
        if reason is FinishReason.OTHER and not self.answered:
            no_answer = NoAnswerError(f"the provider gave no answer: {raw or 'no reason given'}")
            self.failure = self.failure or no_answer
        if of_tool:
            self.held = StreamEvent(finish_reason=reason, raw_finish_reason=raw)
            self.events.append(StreamEvent(usage=usage))
        else:
            self.stopped, self.held = reason, None
            self.events.append(self.finish(raw, usage))

    def end(self) -> None:
        """See `AnswerReader.end`."""
        if self.held is not None:
            self.stopped = self.held.finish_reason
            self.events.append(self.held)
        super().end()

    def _details_reader(self) -> DetailReader:
        self._beside = self._beside or DetailReader(self.details)
        return self._beside

    def _read_part(self, part: Json) -> None:
        words = text(part.get("text"), "text")
        if part.get("thought") and "functionCall" not in part:
            if words:
                self.events.append(StreamEvent(reasoning=words))
            if part.get(SIGNATURE):
                self.events.append(StreamEvent(parts=[self.native("gemini", part)]))
        elif "functionCall" in part:
            self._read_call(part, entry(part["functionCall"], "functionCall"))
        elif words:
            self._read_signature(part)
            self.add_text(words)
        elif "function_call" in part:  # proxies that write the names of Python
            self._read_call(part, entry(part["function_call"], "function_call"))
        elif part.keys() - {"text"}:  # executed code, an image, or only a signature
            self.answered = self.answered or bool(part.keys() - {"text", SIGNATURE})
            native = {"text": "", **part} if part.keys() == {SIGNATURE} else part
            self.events.append(StreamEvent(parts=[self.native("gemini", native)]))

    def _read_signature(self, part: Json) -> None:
        if part.get(SIGNATURE):
            signature = self.native("gemini", {SIGNATURE: part[SIGNATURE]})
            self.events.append(StreamEvent(parts=[signature]))

    def _read_call(self, part: Json, call: Json) -> None:
        name, arguments = tool_name(text(call.get("name"), "name")), read_arguments(call.get("args"))
        if call.get("partialArgs") or call.get("willContinue"):
            raise NoAnswerError(
                "the arguments of a call come in pieces: leave streamFunctionCallArguments out"
            )
        if name is None:
            return
        self._read_signature(part)
        given = label(call.get("id")) or new_call_id()
        delta = ToolCallDelta(self._calls, given, name, arguments or "{}")
        self.events.append(StreamEvent(tool_call=self.called(delta)))
        self.answered = True
        self._calls += 1


def _blocked(body: Json) -> str:
    """The reason if the prompt was blocked, else empty; a blocked prompt has no candidates."""
    reason = entry(body.get("promptFeedback"), "promptFeedback").get("blockReason")
    return f"{BLOCKED}{reason}" if reason and reason != "BLOCK_REASON_UNSPECIFIED" else ""
