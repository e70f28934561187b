"""Reads an answer of Converse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ranvier.messages.beside.details import Citation, Details
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import CONVERSE, Native
from ranvier.messages.response import Response
from ranvier.messages.usage import Usage
from ranvier.providers._reading.details import words
from ranvier.providers._reading.finish_reasons import finish_reason, stop_word
from ranvier.providers._reading.reading import Json, NoAnswerError, entries, entry, text
from ranvier.providers._reading.usage import Counts
from ranvier.providers.chat_completions.fragments import read_call, tool_name
from ranvier.providers.converse.citations import citations_of

REASONING: Final = "reasoningContent"
"""The block with the model's thoughts, and their signature, or with encrypted ones."""

CITED: Final = "citationsContent"
"""The block with text, and the sources that it cites."""


def read_usage(usage: object, *, complete: bool = True) -> Usage:
    """The tokens of a `usage` object; Bedrock counts cache reads and writes apart from the input."""
    counts = Counts(usage, complete=complete)
    read, written = counts.count("cacheReadInputTokens"), counts.count("cacheWriteInputTokens")
    prompt = counts.needed("inputTokens") + read + written
    answer = counts.needed("outputTokens")
    return Usage(
        input=prompt,
        output=answer,
        total=prompt + answer,
        cache_read=read,
        cache_write=written,
        complete=counts.complete,
    )


# --- the blocks of an answer ---------------------------------------------------------------------


def thoughts_of(block: Json) -> str:
    """The thoughts of a reasoning block; empty if they are encrypted."""
    reasoning = entry(block.get(REASONING), REASONING)
    return text(entry(reasoning.get("reasoningText"), "reasoningText").get("text"), "text")


def cited_text(block: Json) -> str:
    """The text of a block with citations."""
    cited = entry(block.get(CITED), CITED)
    return "".join(text(piece.get("text"), "text") for piece in entries(cited.get("content"), "content"))


def sources_of(block: Json) -> list[Citation]:
    """The citations of a block with citations."""
    return citations_of(entry(block[CITED], CITED).get("citations"), cited_text(block))


def is_of_server(tool: Json) -> bool:
    """True for the call of a tool that the provider itself runs."""
    return tool.get("type") == "server_tool_use"


def read_response(body: Json) -> Response:
    """Read a complete answer."""
    message = entry(entry(body.get("output"), "output").get("message"), "message")
    if not isinstance(message.get("content"), list):
        raise NoAnswerError("the answer has no content")
    blocks = entries(message["content"], "content")
    parts = tuple(_parts(blocks))
    answer = "".join(part.text for part in parts if isinstance(part, Text))
    calls = tuple(part for part in parts if isinstance(part, ToolCall))
    raw = stop_word(body.get("stopReason"), "stopReason")
    usage = body.get("usage")
    sources = [each for block in blocks if CITED in block for each in sources_of(block)]
    return Response(
        text=answer,
        tool_calls=calls,
        reasoning="".join(map(thoughts_of, blocks)),
        finish_reason=finish_reason(raw, answered=bool(answer or calls), calls_tools=bool(calls)),
        raw_finish_reason=raw or None,
        usage=read_usage(usage, complete=bool(usage)),
        model="",
        parts=parts,
        details=Details(sources, service_tier=tier_of(body)),
    )


def tier_of(body: Json) -> str | None:
    """The tier that has served an answer, or a stream by its last event."""
    tier = body.get("serviceTier")
    return words(tier.get("type")) if isinstance(tier, dict) else None


def _parts(blocks: Iterable[Json]) -> Iterable[Part]:
    for block in blocks:
        if (part := _part(block)) is not None:
            yield part


def _part(block: Json) -> Part | None:
    words = text(block.get("text"), "text") or cited_text(block)
    if words:
        return Text(words)
    tool = entry(block.get("toolUse"), "toolUse")
    if tool and not is_of_server(tool):
        name = tool_name(text(tool.get("name"), "name"))
        return None if name is None else read_call(tool.get("toolUseId"), name, tool.get("input"))
    return None if block.keys() <= _OF_TEXT else Native(CONVERSE, block)


_OF_TEXT: Final = frozenset(("text", CITED))
