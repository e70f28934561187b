"""What an answer of Gemini's says, whole and in pieces, which have the same shape."""

from __future__ import annotations

import json
from typing import Final

from ranvier.errors import ContentFilterError
from ranvier.messages import (
    FinishReason,
    Response,
    StreamEvent,
    ToolCallDelta,
    Usage,
)
from ranvier.pipeline.collector import Collector
from ranvier.providers import _reading
from ranvier.providers._call_ids import new_call_id
from ranvier.providers._reading import AnswerReader, Json, NoAnswerError, count, entries, entry, label, text

SIGNATURE: Final = "thoughtSignature"
"""What a thought has signed goes back with its signature: kept as a part of its own, before that."""

FINISH_REASONS: Final = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        ),
        FinishReason.CONTENT_FILTER,
    ),
}
"""All others say that something went wrong, and are none where there is no answer."""

BLOCKED: Final = "blocked: "
"""Before the word for why a prompt was refused, which is no finish reason of Gemini's."""

NUMBERED: Final = (
    *("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "BLOCKLIST"),
    *("PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL", "MODEL_ARMOR"),
)
"""What Vertex means where it sends the number of the word."""


def read_finish(value: object) -> str:
    """The word for why it stopped; empty while it has not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return NUMBERED[value] if 0 <= value < len(NUMBERED) else str(value)
    return text(value, "finishReason")


def finish_reason(raw: str, *, answered: bool, calls_tools: bool) -> FinishReason:
    """Gemini's word for why it stopped, in ours; it says STOP where it calls tools.

    Raises:
        NoAnswerError: it gave no answer, or it broke off.
    """
    _reading.check_finish(raw)
    reason = FINISH_REASONS.get(raw, FinishReason.OTHER)
    if raw.startswith(BLOCKED):
        reason = FinishReason.CONTENT_FILTER
    if not answered and reason is FinishReason.CONTENT_FILTER:
        raise NoAnswerError(f"refused on policy: {raw}", ContentFilterError)
    if not answered and reason is FinishReason.OTHER:
        raise NoAnswerError(f"the provider gave no answer: {raw or 'it does not say why'}")
    return FinishReason.TOOL_CALLS if calls_tools and reason is FinishReason.STOP else reason


def read_usage(value: object) -> Usage | None:
    """The tokens that it reports; thoughts stand beside the answer there, results beside the prompt."""
    usage = entry(value, "usageMetadata")
    if not usage:
        return None
    prompt, tools, answer, thoughts, cached = (
        count(usage.get(name), name)
        for name in (
            *("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount"),
            *("thoughtsTokenCount", "cachedContentTokenCount"),
        )
    )
    return Usage(
        input=prompt + tools,
        output=answer + thoughts,
        total=count(usage.get("totalTokenCount"), "totalTokenCount") or prompt + tools + answer + thoughts,
        cache_read=cached,
        reasoning=thoughts,
    )


def read_answer(body: Json) -> Response:
    """What a whole answer says: one that came in a single piece."""
    collector, reader = Collector(), PartReader()
    reader.read(body)
    for event in reader.events:
        collector.add(event)
    if not reader.complete:  # a gateway may leave it out; that the answer is whole, its JSON has shown
        collector.add(StreamEvent(finish_reason=reader.reason("")))
    return collector.response("", "")


class PartReader(AnswerReader):
    """Understands the pieces of one answer."""

    def __init__(self) -> None:
        super().__init__()
        self._introduced = False  # the id and the model have been told
        self._answered = False  # words, a tool call or something native have come
        self._calls = 0

    def read(self, body: Json) -> None:
        """What one piece says."""
        if not self._introduced:
            self._introduced = True
            self.events.append(
                StreamEvent(id=label(body.get("responseId")), model=label(body.get("modelVersion")))
            )
        usage = read_usage(body.get("usageMetadata"))
        if not self.complete:
            candidates = entries(body.get("candidates"), "candidates")
            candidate = next((each for each in candidates if not each.get("index")), {})
            content = entry(candidate.get("content"), "content")
            for part in entries(content.get("parts"), "parts"):
                self._read_part(part)
            raw = read_finish(candidate.get("finishReason"))
            if raw or (raw := _blocked(body)):
                reason = self.reason(raw)  # first: what is no answer is none that is complete
                self.complete = True
                self.events.append(StreamEvent(finish_reason=reason, raw_finish_reason=raw, usage=usage))
                usage = None
        if usage is not None:
            self.events.append(StreamEvent(usage=usage))

    def _read_part(self, part: Json) -> None:
        words = text(part.get("text"), "text")
        if part.get("thought") and "functionCall" not in part:
            if words:
                self.events.append(StreamEvent(reasoning=words))
            if part.get(SIGNATURE):
                self.events.append(StreamEvent(parts=[self.native("gemini", part)]))
        elif "functionCall" in part:
            self._read_signature(part)
            self.events.append(
                StreamEvent(tool_call=self._read_call(entry(part["functionCall"], "functionCall")))
            )
        elif words:
            self._answered = True
            self._read_signature(part)
            self.events.append(StreamEvent(text=words))
        elif part.keys() - {"text"}:  # code that it ran, an image, or nothing but a signature
            self._answered = self._answered or bool(part.keys() - {"text", SIGNATURE})
            native = {"text": "", **part} if part.keys() == {SIGNATURE} else part
            self.events.append(StreamEvent(parts=[self.native("gemini", native)]))

    def _read_signature(self, part: Json) -> None:
        if part.get(SIGNATURE):
            signature = self.native("gemini", {SIGNATURE: part[SIGNATURE]})
            self.events.append(StreamEvent(parts=[signature]))

    def _read_call(self, call: Json) -> ToolCallDelta:
        self._answered = True
        self._calls += 1
        arguments = json.dumps(entry(call.get("args"), "args"))
        given, name = label(call.get("id")), text(call.get("name"), "name")
        return self.called(ToolCallDelta(self._calls - 1, given or new_call_id(), name, arguments))

    def reason(self, raw: str) -> FinishReason:
        """Why it stopped, after what has come."""
        return finish_reason(raw, answered=self._answered, calls_tools=self._calls > 0)


def _blocked(body: Json) -> str:
    """That the prompt was refused, if it was: then there is nothing else."""
    reason = entry(body.get("promptFeedback"), "promptFeedback").get("blockReason")
    return f"{BLOCKED}{reason}" if reason else ""
