"""Reads a message of Anthropic's API."""

from __future__ import annotations

from ranvier.messages.beside.details import Citation, Details
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import Response
from ranvier.messages.usage import Usage
from ranvier.providers._reading.details import objects, words
from ranvier.providers._reading.finish_reasons import finish_reason, stop_word
from ranvier.providers._reading.reading import Json, NoAnswerError, entries, label, text
from ranvier.providers._reading.usage import Counts
from ranvier.providers.chat_completions.fragments import read_call, tool_name


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
            raw, answered=bool(answer or calls), calls_tools=bool(calls), refusal=details.refusal or ""
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
    if isinstance(stop_details, dict) and stop_details.get("type", "refusal") == "refusal":
        details.refusal = words(stop_details.get("explanation"))


def _read_block(block: Json) -> Part | None:
    kind = kind_of(block)
    if kind == "text":
        return Text(text(block.get("text"), "text"))
    if kind == "tool_use":
        name = tool_name(text(block.get("name"), "name"))
        return None if name is None else read_call(block.get("id"), name, block.get("input"))
    return Native("anthropic", block)


def kind_of(block: Json) -> str:
    """The type of a block; one without a type that has text is a block of text."""
    return text(block.get("type"), "type") or ("text" if "text" in block else "")
