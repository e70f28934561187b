"""Reads a chat completion."""

from __future__ import annotations

from dataclasses import replace

from ranvier.messages.beside.details import Details
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import Response
from ranvier.messages.usage import Usage
from ranvier.providers._failures.error_body import is_told
from ranvier.providers._reading.details import citations_in, found, logprobs_in, words
from ranvier.providers._reading.finish_reasons import finish_reason, stop_word
from ranvier.providers._reading.reading import Json, NoAnswerError, entries, entry, first, label, text
from ranvier.providers._reading.usage import read_chat_usage
from ranvier.providers.chat_completions.fragments import kept_of, read_call, tool_name


def failed(choice: Json) -> NoAnswerError | None:
    """The failure of a choice that holds an error of its own (OpenRouter)."""
    error = choice.get("error")
    if not isinstance(error, dict) or not is_told(error):
        return None
    return NoAnswerError("the provider's answer failed", provider_error=error)


MEDIA = ("images", "audio")
"""Fields of a message with output other than text (OpenRouter, OpenAI): kept unchanged."""

OTHER_REASONING = ("reasoning_text", "thinking", "reasoning_details", "thinking_blocks")
"""Fields that hold reasoning on some servers: GitHub Copilot, OpenRouter, LiteLLM and others."""


def read_content(message: Json) -> tuple[str, str]:
    """The text of a message (or of a delta), and the text of its reasoning."""
    content = message.get("content")
    thought = message.get("reasoning_content") or message.get("reasoning")
    if not thought:
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


def kept_fields(message: Json, returned: tuple[str, ...]) -> Json:
    """The fields of a message or delta to keep unchanged: those to send back, and non-text content."""
    kept = {name: message[name] for name in (*returned, *MEDIA) if message.get(name)}
    content = message.get("content")
    if isinstance(content, list) and (others := [part for part in content if _is_no_text(part)]):
        kept["content"] = others
    return kept


def _is_no_text(part: object) -> bool:
    return isinstance(part, dict) and part.keys().isdisjoint(("text", "thinking"))


def _thoughts_in(thought: object) -> str:
    """The text of reasoning sent as a part or as a list of parts; other types are ignored."""
    parts = thought if isinstance(thought, list) else [thought]
    texts = (_thought_in(part) if isinstance(part, dict) else part for part in parts)
    return "".join(each for each in texts if isinstance(each, str))


def _thought_in(part: Json) -> object:
    return part.get("text") or part.get("summary") or part.get("thinking")


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
    message = message_of(choice) or entry(choice.get("delta"), "delta")  # a server may send a single chunk
    answer, reasoning = read_content(message)
    calls = tuple(call for call in map(_read_call, calls_in(message)) if call is not None)
    refusal = text(message.get("refusal"), "refusal")
    reason = finish_reason(raw, answered=bool(answer or calls), calls_tools=bool(calls), refusal=refusal)
    if not message and choice.get("message") is None:
        raise NoAnswerError("the answer's choice has no message")
    kept = kept_fields(message, returned)
    parts: tuple[Part, ...] = (Native(family, kept),) if kept else ()
    if answer:
        parts += (Text(answer),)
    return Response(
        text=answer,
        tool_calls=calls,
        reasoning=reasoning,
        finish_reason=reason,
        raw_finish_reason=raw or None,
        usage=read_chat_usage(body.get("usage") or choice.get("usage")) or Usage(complete=False),
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
    name = tool_name(text(function.get("name"), "name"))
    if name is None:
        return None
    read = read_call(call.get("id"), name, function.get("arguments", function.get("input")))
    return replace(read, native=kept) if (kept := kept_of(call)) else read


def _older_call(message: Json) -> list[Json]:
    """The call in the older `function_call` field; empty ones mean nothing."""
    function = entry(message.get("function_call"), "function_call")
    return [{"index": 0, "function": function}] if any(function.values()) else []
