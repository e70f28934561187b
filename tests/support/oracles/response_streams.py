"""Streams of the Responses API, made of the SDK's own types: it would refuse a field that they do not have.

All recorded streams end in `response.completed`, so those that end otherwise are made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from openai.types import responses

WORDS = ("Let me ", "look.")
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "gAAA",
}
CODES: tuple[str, ...] = get_args(responses.ResponseError.model_fields["code"].annotation)
"""Everything that a failed response may name as its reason."""

REASONS: tuple[str, ...] = ("max_output_tokens", "content_filter")
"""Why a response may be incomplete."""

EVENT_TYPES: dict[str, type[Any]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in get_args(get_args(responses.ResponseStreamEvent)[0])
}
"""Every type of event that the SDK knows."""


def message(status: str = "completed") -> dict[str, Any]:
    """The text of the answer, as an item."""
    text = {"type": "output_text", "text": "".join(WORDS), "annotations": [], "logprobs": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [text]}


def response(status: str, *output: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A response of this status."""
    usage = {"input_tokens": 30, "output_tokens": 7, "total_tokens": 37}
    details = {
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
        "output_tokens_details": {"reasoning_tokens": 4},
    }
    fields = {"id": "resp_1", "created_at": 1_700_000_000, "model": "gpt-5.6", "object": "response"}
    asked = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    whole = {**fields, **asked, "output": list(output), "usage": {**usage, **details}}
    return {**whole, "status": status, **more}


def begun() -> list[dict[str, Any]]:
    """The events of a thought and of two words, up to the end of the text."""
    text = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    thought = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    empty = {**message("in_progress"), "content": []}
    return [
        {"type": "response.created", "response": response("in_progress")},
        {"type": "response.in_progress", "response": response("in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": {**THOUGHT, "summary": []}},
        {"type": "response.reasoning_summary_text.delta", **thought, "delta": "Hm."},
        {"type": "response.output_item.done", "output_index": 0, "item": THOUGHT},
        {"type": "response.output_item.added", "output_index": 1, "item": empty},
        *({"type": "response.output_text.delta", **text, "delta": word, "logprobs": []} for word in WORDS),
    ]


def stream(events: Iterable[dict[str, Any]]) -> bytes:
    """The events, checked by the SDK's types, as they go over the wire."""
    lines = []
    for number, event in enumerate(events):
        checked = EVENT_TYPES[event["type"]].model_validate({**event, "sequence_number": number})
        assert not unknown(checked), unknown(checked)
        written = checked.model_dump_json(exclude_unset=True)
        lines.append(f"event: {event['type']}\ndata: {written}\n\n")
    return "".join(lines).encode()


def unknown(checked: Any) -> set[str]:
    """Fields of an event that its type does not have: the SDK keeps them without a word."""
    return set(checked.model_extra or ())
