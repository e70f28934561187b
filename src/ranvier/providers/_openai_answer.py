"""What a chat completion says, whole and in chunks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ranvier.errors import ContentFilterError
from ranvier.messages import (
    FinishReason,
    Native,
    Part,
    Response,
    StreamEvent,
    Text,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from ranvier.providers import _reading
from ranvier.providers._call_ids import new_call_id
from ranvier.providers._fragments import CallsUnderWay, kept_of, read_arguments
from ranvier.providers._reading import AnswerReader, Json, NoAnswerError, count, entries, entry, label, text

FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,  # some gateways
    "length": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,  # Mistral
    "model_context_window_exceeded": FinishReason.LENGTH,  # GLM
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "sensitive": FinishReason.CONTENT_FILTER,  # GLM
}


def finish_reason(raw: str, *, calls_tools: bool) -> FinishReason:
    """The provider's word for why it stopped, in ours; some say `stop`, or nothing, where tools are called.

    Raises:
        NoAnswerError: it says that the answer broke off.
    """
    _reading.check_finish(raw)
    reason = FINISH_REASONS.get(raw, FinishReason.OTHER)
    if calls_tools and (reason is FinishReason.STOP or not raw):
        return FinishReason.TOOL_CALLS
    return reason


def failed(choice: Json) -> NoAnswerError | None:
    """What a choice says went wrong, where it holds an error of its own (OpenRouter)."""
    error = choice.get("error")
    if not isinstance(error, dict) or not error:
        return None
    return NoAnswerError("the provider's answer failed", said=error)


def refused(words: str = "") -> NoAnswerError:
    """The provider refused on policy and gave no answer."""
    said = f": {words[:300]}" if words else ""
    return NoAnswerError(f"refused on policy{said}", ContentFilterError)


_SHARES = frozenset(("prompt_tokens_details", "completion_tokens_details", "cached_tokens"))


def read_usage(value: object) -> Usage | None:
    """The tokens that a `usage` object reports, if there is one."""
    usage = entry(value, "usage")
    if not usage:
        return None
    read = count(usage.get("prompt_tokens"), "prompt_tokens")
    written = count(usage.get("completion_tokens"), "completion_tokens")
    total = count(usage.get("total_tokens"), "total_tokens") or read + written
    if not _SHARES & usage.keys():
        return Usage(read, written, total)
    prompt = entry(usage.get("prompt_tokens_details"), "prompt_tokens_details")
    completion = entry(usage.get("completion_tokens_details"), "completion_tokens_details")
    cached = prompt.get("cached_tokens", usage.get("cached_tokens"))  # Kimi: beside the others
    return Usage(
        read,
        written,
        total,
        cache_read=count(cached, "cached_tokens"),
        cache_write=count(prompt.get("cache_write_tokens"), "cache_write_tokens"),
        reasoning=count(completion.get("reasoning_tokens"), "reasoning_tokens"),
    )


def read_content(message: Json) -> tuple[str, str]:
    """The words of a message (or of a piece of one) and the words of its reasoning."""
    content, thought = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
    reasoning = text(thought, "the reasoning") if thought else ""  # what is empty is none, of whatever type
    if isinstance(content, str):
        return content, reasoning
    if not isinstance(content, list):
        return text(content, "content"), reasoning
    words = ""
    for part in entries(content, "content"):  # Mistral
        words += text(part.get("text"), "text")
        reasoning += read_content({"content": part.get("thinking")})[0]
    return words, reasoning


# --- whole ---------------------------------------------------------------------------------------


def read_completion(body: Json, family: str, returned: tuple[str, ...]) -> Response:
    """What a whole completion says; of its message, `returned` are the fields that go back to `family`."""
    choices = entries(body.get("choices"), "choices")
    if not choices:
        raise NoAnswerError("the answer has no choices")
    choice = choices[0]
    if failure := failed(choice):
        raise failure
    raw = text(choice.get("finish_reason"), "finish_reason")
    if choice.get("message") is None and FINISH_REASONS.get(raw) is not FinishReason.CONTENT_FILTER:
        raise NoAnswerError("the answer's choice has no message")
    message = entry(choice.get("message"), "message")
    words, reasoning = read_content(message)
    calls = tuple(map(_read_call, _calls_in(message)))
    reason = finish_reason(raw, calls_tools=bool(calls))
    refusal = text(message.get("refusal"), "refusal")
    if refusal or reason is FinishReason.CONTENT_FILTER:
        if not words and not calls:
            raise refused(refusal)
        reason = FinishReason.CONTENT_FILTER
    kept = {name: message[name] for name in returned if message.get(name)} if returned else None
    parts: tuple[Part, ...] = (Native(family, kept),) if kept else ()
    if words:
        parts += (Text(words),)
    return Response(
        text=words,
        tool_calls=calls,
        reasoning=reasoning,
        finish_reason=reason,
        raw_finish_reason=raw or None,
        usage=read_usage(body.get("usage")) or Usage(complete=False),
        model=label(body.get("model")) or "",
        id=label(body.get("id")),
        parts=parts + calls,
    )


def _calls_in(message: Json) -> list[Json]:
    """The tool calls of a message, or the fragments of them in a piece of one."""
    if "tool_calls" in message or "function_call" in message:
        return entries(message.get("tool_calls"), "tool_calls") or _older_call(message)
    return []


def _read_call(call: Json) -> ToolCall:
    function = entry(call.get("function") or call.get("custom"), "function")
    arguments = read_arguments(function.get("arguments", function.get("input")))
    name = text(function.get("name"), "name")
    read = ToolCall.parse(label(call.get("id")) or new_call_id(), name, arguments)
    return replace(read, native=kept) if (kept := kept_of(call)) else read


def _older_call(message: Json) -> list[Json]:
    """The call of a function as it was written before there were tools; empty ones are decoration."""
    function = entry(message.get("function_call"), "function_call")
    return [{"index": 0, "function": function}] if any(function.values()) else []


# --- in chunks -----------------------------------------------------------------------------------


class ChunkReader(AnswerReader):
    """Understands the chunks of one streamed completion."""

    def __init__(self, family: str, returned: tuple[str, ...]) -> None:
        super().__init__()
        self._family = family
        self._returned = returned
        self._introduced = False  # the id and the model have been told
        self._answered = False  # words or a tool call have come
        self._refusal: list[str] = []
        self._kept: dict[str, list[Any]] = {}  # by field, its pieces: joined once, at the end
        self._calls = CallsUnderWay()

    def read(self, body: Json) -> None:
        """What one chunk says."""
        if not self._introduced and (body.get("id") or body.get("model")):
            self._introduced = True
            self.events.append(StreamEvent(id=label(body.get("id")), model=label(body.get("model"))))
        choice = _first(entries(body.get("choices"), "choices"))
        said = body.get("usage") or choice.get("usage")  # Kimi: in the choice
        usage = None if said is None else read_usage(said)
        if not self.complete:
            # A server that does not stream sends the whole message where a delta belongs.
            self._read_delta(entry(choice.get("delta") or choice.get("message"), "delta"))
            if failure := failed(choice):
                raise failure
            if raw := text(choice.get("finish_reason"), "finish_reason"):
                self.events.append(self._finish(raw, usage))
                usage = None
        if usage is not None:
            self.events.append(StreamEvent(usage=usage))

    def _read_delta(self, delta: Json) -> None:
        words, reasoning = read_content(delta)
        if reasoning:
            self.events.append(StreamEvent(reasoning=reasoning))
        if words:
            self._answered = True
            self.events.append(StreamEvent(text=words))
        if refusal := text(delta.get("refusal"), "refusal"):
            self._refusal.append(refusal)
        if self._returned:
            self._keep(delta)
        for call in _calls_in(delta):
            self._answered = True
            self.events.append(StreamEvent(tool_call=self._fragment(call)))

    def _fragment(self, call: Json) -> ToolCallDelta:
        delta = self._calls.fragment(call)
        return delta if delta.name is None and delta.native is None else self.called(delta)

    def _keep(self, delta: Json) -> None:
        for name in self._returned:
            if piece := delta.get(name):
                self._kept.setdefault(name, []).append(piece)

    def joined(self, pieces: list[Any]) -> Any:
        """What the pieces of a field are together; where they are of several kinds, the last one."""
        if all(isinstance(piece, str) for piece in pieces):
            return "".join(pieces)
        if all(isinstance(piece, list) for piece in pieces):
            return [each for piece in pieces for each in piece]
        return pieces[-1]

    def _finish(self, raw: str, usage: Usage | None) -> StreamEvent:
        reason = finish_reason(raw, calls_tools=self._calls.any)
        if self._refusal or reason is FinishReason.CONTENT_FILTER:
            if not self._answered:
                raise refused("".join(self._refusal))
            reason = FinishReason.CONTENT_FILTER
        self.complete = True
        kept = {name: self.joined(pieces) for name, pieces in self._kept.items()}
        parts = [self.native(self._family, kept)] if kept else []
        return StreamEvent(finish_reason=reason, raw_finish_reason=raw, usage=usage, parts=parts)


def _first(choices: list[Json]) -> Json:
    """The only choice that is asked for; some servers give it no index."""
    for choice in choices:
        if not choice.get("index"):
            return choice
    return {}
