"""Reads a message of Anthropic's API."""

from __future__ import annotations

from ranvier.errors.provider import ContentFilterError
from ranvier.messages.beside.details import Citation, Details
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import FinishReason, Response
from ranvier.messages.usage import Usage
from ranvier.providers._history.call_ids import new_call_id
from ranvier.providers._reading.details import objects, words
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
from ranvier.providers._reading.usage import Counts
from ranvier.providers.chat_completions.fragments import read_input, tool_name

STOP_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}


def finish_reason(raw: str, details: object, *, answered: bool, calls_tools: bool) -> FinishReason:
    """The `FinishReason` for Anthropic's stop reason.

    Raises:
        NoAnswerError: a content filter left no answer, or the answer was cut off.
    """
    check_finish(raw)
    if raw == "refusal" and not answered:
        explanation = text(entry(details, "stop_details").get("explanation"), "explanation")
        reason = f": {explanation[:300]}" if explanation else ""
        raise NoAnswerError(f"stopped by the content filter{reason}", ContentFilterError)
    if raw == "tool_use" and not calls_tools:  # no call has a name
        return FinishReason.STOP
    reason = STOP_REASONS.get(raw, FinishReason.OTHER)
    return FinishReason.TOOL_CALLS if calls_tools and reason is FinishReason.STOP else reason


def read_usage(usage: object, *, complete: bool = True) -> Usage:
    """The tokens of a `usage` object; Anthropic counts cache reads and writes apart from the input."""
    counts = Counts(usage, complete=complete)
    read, written = counts.count("cache_read_input_tokens"), counts.count("cache_creation_input_tokens")
    prompt = counts.needed("input_tokens") + read + written
    answer = counts.needed("output_tokens")
    (thoughts,) = counts.share("output_tokens_details", "thinking_tokens")
    return Usage(
        input=prompt,
        output=answer,
        total=prompt + answer,
        cache_read=read,
        cache_write=written,
        reasoning=thoughts,
        complete=counts.complete,
    )


# --- complete answers ----------------------------------------------------------------------------


def read_message(body: Json) -> Response:
    """Read a complete message."""
    blocks = _blocks(body)
    parts = tuple(part for part in map(_read_block, blocks) if part is not None)
    answer = "".join(part.text for part in parts if isinstance(part, Text))
    calls = tuple(part for part in parts if isinstance(part, ToolCall))
    raw = stop_word(body.get("stop_reason"), "stop_reason")
    usage = body.get("usage")
    details = Details()
    for block in blocks:
        details.citations += citations_of(block, block.get("text"))
    note_end(details, usage, body.get("stop_details"))
    return Response(
        text=answer,
        tool_calls=calls,
        reasoning="".join(text(block.get("thinking"), "thinking") for block in blocks),
        finish_reason=finish_reason(
            raw, body.get("stop_details"), answered=bool(answer or calls), calls_tools=bool(calls)
        ),
        raw_finish_reason=raw or None,
        usage=read_usage(usage, complete=bool(usage)),
        model=label(body.get("model")) or "",
        id=label(body.get("id")),
        parts=tuple(part for part in parts if part != Text("")),
        details=details,
    )


def _blocks(body: Json) -> list[Json]:
    """The blocks of a message; some gateways send plain text, or null if the model refuses."""
    content = body.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) and (content is not None or body.get("stop_reason") != "refusal"):
        raise NoAnswerError("the answer has no content")
    return entries(content, "content")


def citations_of(block: Json, passage: object) -> list[Citation]:
    """The citations of a block of text, with the text that they support."""
    return [
        Citation(
            url=words(each.get("url")) or words(each.get("source")),
            title=words(each.get("title")) or words(each.get("document_title")),
            quote=words(each.get("cited_text")),
            passage=words(passage),
            source=each,
        )
        for each in objects(block.get("citations"))
    ]


def note_end(details: Details, usage: object, stop_details: object) -> None:
    """Note what comes with the end of a message: the class of service, and why it was refused."""
    if isinstance(usage, dict):
        details.service_tier = words(usage.get("service_tier"))
    if isinstance(stop_details, dict):
        details.refusal = words(stop_details.get("explanation"))


def _read_block(block: Json) -> Part | None:
    kind = text(block.get("type"), "type")
    if kind == "text" or (not kind and "text" in block):
        return Text(text(block.get("text"), "text"))
    if kind == "tool_use":
        name, arguments = tool_name(text(block.get("name"), "name")), read_input(block.get("input"), "input")
        return None if name is None else ToolCall(label(block.get("id")) or new_call_id(), name, arguments)
    return Native("anthropic", block)
