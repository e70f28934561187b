"""Reads a chat completion."""

from __future__ import annotations

from dataclasses import replace

from ranvier.errors.provider import ContentFilterError
from ranvier.messages.beside.details import Details
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import FinishReason, Response
from ranvier.messages.usage import Usage
from ranvier.providers._failures.error_body import is_told
from ranvier.providers._history.call_ids import new_call_id
from ranvier.providers._reading.details import citations_in, found, logprobs_in, words
from ranvier.providers._reading.reading import (
    Json,
    NoAnswerError,
    check_finish,
    entries,
    entry,
    label,
    stop_word,
    text,
)
from ranvier.providers._reading.usage import read_chat_usage
from ranvier.providers.chat_completions.fragments import kept_of, read_arguments, tool_name

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
    # Gateways forward the stop reasons of Anthropic, Gemini and Bedrock.
    **dict.fromkeys(("end_turn", "stop_sequence"), FinishReason.STOP),
    "max_tokens": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    **dict.fromkeys(
        (
            *("safety", "prohibited_content", "recitation", "blocklist", "spii"),
            *("refusal", "guardrail_intervened", "content_filtered"),
        ),
        FinishReason.CONTENT_FILTER,
    ),
}


def known_reason(raw: str) -> FinishReason:
    """The meaning of the provider's finish reason; Google adds its own: `content_filter: SAFETY`."""
    return FINISH_REASONS.get(raw.lower().partition(":")[0].strip(), FinishReason.OTHER)


def finish_reason(raw: str, *, calls_tools: bool) -> FinishReason:
    """The `FinishReason` for the provider's; some send `stop`, or nothing, with tool calls.

    Raises:
        NoAnswerError: the reason means that the answer was cut off.
    """
    check_finish(raw)
    reason = known_reason(raw)
    if calls_tools and (reason is FinishReason.STOP or not raw):
        return FinishReason.TOOL_CALLS
    if reason is FinishReason.TOOL_CALLS and not calls_tools:  # no call has a name
        return FinishReason.STOP
    return reason


def failed(choice: Json) -> NoAnswerError | None:
    """The failure of a choice that holds an error of its own (OpenRouter)."""
    error = choice.get("error")
    if not isinstance(error, dict) or not is_told(error):
        return None
    return NoAnswerError("the provider's answer failed", provider_error=error)


def content_filtered(refusal: str = "") -> NoAnswerError:
    """The error for a content filter that left no answer."""
    explanation = f": {refusal[:300]}" if refusal else ""
    return NoAnswerError(f"stopped by the content filter{explanation}", ContentFilterError)


MEDIA = ("images", "audio")
"""Fields of a message with output other than text (OpenRouter, OpenAI): kept unchanged."""


OTHER_REASONING = frozenset(("reasoning_details", "reasoning_text", "thinking_blocks", "thinking"))
"""Fields that hold reasoning on some servers: OpenRouter, GitHub Copilot, LiteLLM and others."""


def read_content(message: Json) -> tuple[str, str]:
    """The text of a message (or of a delta), and the text of its reasoning."""
    content = message.get("content")
    thought = message.get("reasoning_content") or message.get("reasoning")
    if not (thought or OTHER_REASONING.isdisjoint(message)):
        thought = next(filter(None, map(message.get, OTHER_REASONING)), None)
    reasoning = thought if isinstance(thought, str) else _thoughts_in(thought)
    if isinstance(content, str):
        return content, reasoning
    if not isinstance(content, list):
        return text(content, "content"), reasoning
    joined = ""
    for part in entries(content, "content"):  # Mistral
        joined += text(part.get("text"), "text")
        reasoning += read_content({"content": part.get("thinking")})[0]
    return joined, reasoning


def _thoughts_in(thought: object) -> str:
    """The text of reasoning sent as a part or as a list of parts; other types are ignored."""
    parts = thought if isinstance(thought, list) else [thought]
    texts = (_thought_in(part) if isinstance(part, dict) else part for part in parts)
    return "".join(each for each in texts if isinstance(each, str))


def _thought_in(part: Json) -> object:
    return part.get("text") or part.get("summary") or part.get("thinking")


def first(choices: list[Json]) -> Json:
    """The only choice that was requested; some servers give it no index."""
    return next((choice for choice in choices if not choice.get("index")), {})


# --- complete answers ----------------------------------------------------------------------------


def read_completion(body: Json, family: str, returned: tuple[str, ...]) -> Response:
    """Read a completion; `returned` are the fields of its message that must be sent back to `family`."""
    choices = entries(body.get("choices"), "choices")
    if not choices:
        raise NoAnswerError("the answer has no choices")
    choice = first(choices) or choices[0]
    if failure := failed(choice):
        raise failure
    raw = stop_word(choice.get("finish_reason"), "finish_reason")
    filtered = known_reason(raw) is FinishReason.CONTENT_FILTER
    message = message_of(choice) or entry(choice.get("delta"), "delta")  # a server may send a single chunk
    if not (message or filtered) and choice.get("message") is None:
        raise NoAnswerError("the answer's choice has no message")
    answer, reasoning = read_content(message)
    calls = tuple(call for call in map(_read_call, calls_in(message)) if call is not None)
    reason = finish_reason(raw, calls_tools=bool(calls))
    refusal = text(message.get("refusal"), "refusal")
    if refusal or reason is FinishReason.CONTENT_FILTER:
        if not answer and not calls:
            raise content_filtered(refusal)
        reason = FinishReason.CONTENT_FILTER
    kept = {name: message[name] for name in (*returned, *MEDIA) if message.get(name)}
    parts: tuple[Part, ...] = (Native(family, kept),) if kept else ()
    if answer:
        parts += (Text(answer),)
    return Response(
        text=answer,
        tool_calls=calls,
        reasoning=reasoning,
        finish_reason=reason,
        raw_finish_reason=raw or None,
        usage=read_chat_usage(body.get("usage")) or Usage(complete=False),
        model=label(body.get("model")) or "",
        id=label(body.get("id")),
        parts=parts + calls,
        details=_details(body, choice, message, refusal),
    )


def _details(body: Json, choice: Json, message: Json, refusal: str) -> Details:
    details = Details(refusal=words(refusal) if refusal else None, service_tier=tier_of(body))
    note(details, choice, message)
    if not details.citations and (sources := found(body)):
        details.citations = sources
    return details


def note(details: Details, choice: Json, message: Json) -> None:
    """Note what a message (or a delta) has beside its text: sources, and the probabilities of tokens."""
    if annotations := message.get("annotations"):
        details.citations += citations_in(annotations)
    if isinstance(given := choice.get("logprobs"), dict):
        details.logprobs += logprobs_in(given.get("content")) or logprobs_in(given.get("refusal"))


def tier_of(body: Json) -> str | None:
    """The class of service; Groq and OpenRouter tell it elsewhere."""
    usage = body.get("usage")
    return words(body.get("service_tier")) or words(
        usage.get("service_tier") if isinstance(usage, dict) else None
    )


BESIDE = frozenset(("service_tier", "usage", "search_results", "web_search", "citations"))
"""The fields of a chunk that may tell details of the answer."""


def message_of(choice: Json) -> Json:
    """The message of a choice; some servers answer in the format of the older completions API."""
    message = entry(choice.get("message"), "message")
    return message or ({"content": choice["text"]} if "text" in choice else {})


def calls_in(message: Json) -> list[Json]:
    """The tool calls of a message, or the tool call fragments of a delta."""
    if "tool_calls" in message or "function_call" in message:
        return entries(message.get("tool_calls"), "tool_calls") or _older_call(message)
    return []


def _read_call(call: Json) -> ToolCall | None:
    function = entry(call.get("function") or call.get("custom"), "function")
    arguments = read_arguments(function.get("arguments", function.get("input")))
    name = tool_name(text(function.get("name"), "name"))
    if name is None:
        return None
    read = ToolCall.parse(label(call.get("id")) or new_call_id(), name, arguments)
    return replace(read, native=kept) if (kept := kept_of(call)) else read


def _older_call(message: Json) -> list[Json]:
    """The call in the older `function_call` field; empty ones mean nothing."""
    function = entry(message.get("function_call"), "function_call")
    return [{"index": 0, "function": function}] if any(function.values()) else []
