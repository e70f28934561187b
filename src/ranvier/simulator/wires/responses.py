"""OpenAI's Responses API: `POST {base}/responses`, beside its chat completions and with the same errors."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ranvier.simulator.dialogue import Answer, Ask, Tool, ToolUse
from ranvier.simulator.wires.opaque import account_of, encrypted_for
from ranvier.simulator.wires.openai import OpenAIWire
from ranvier.simulator.wires.reading import Sent, last_words, length_of, model_of
from ranvier.simulator.wires.rules.responses import check, items_of
from ranvier.simulator.wires.wire import encode

Json = dict[str, Any]
Event = tuple[str, Json]
"""The type of an event, and its fields."""

OPENING = 2
"""The number of events before the content."""

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponsesWire(OpenAIWire):
    """Events of items, then the whole response; the rows of `refusals` are those of chat completions."""

    # --- requests --------------------------------------------------------------------------------

    def read(self, sent: Sent) -> Ask:
        key = self.key(sent.headers)
        if key is None and self.needs_key(sent):
            raise self.without_key()
        body = sent.body
        items, model = items_of(body), model_of(body)
        check(
            body, model if sent.provider == self.name else "", items, account=account_of(sent.provider, key)
        )
        choice = body.get("tool_choice")
        tools = () if choice == "none" else body.get("tools") or ()
        form = (body.get("text") or {}).get("format") or {}
        return Ask(
            sent.provider,
            key,
            model,
            streaming=body.get("stream") is True,
            prompt=last_words(items),
            input_tokens=length_of(items),
            limit=body.get("max_output_tokens"),
            tools=tuple(Tool(tool["name"], tool.get("parameters") or {}) for tool in tools),
            must_call=choice["name"] if isinstance(choice, dict) else {"required": ""}.get(choice),
            answers_tool=items[-1].get("type") == "function_call_output",
            thinks=bool((body.get("reasoning") or {}).get("summary")),
            schema=form.get("schema"),
        )

    # --- answers ---------------------------------------------------------------------------------

    def whole(self, answer: Answer) -> Json:
        reason = _INCOMPLETE.get(answer.finish)
        return {
            **_begun(answer),
            "status": "incomplete" if reason else "completed",
            "incomplete_details": {"reason": reason} if reason else None,
            "output": [item for item, *_ in _items(answer)],
            "usage": _usage(answer),
            "service_tier": "default",
        }

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        begun = {"response": _begun(answer)}
        return _written([("response.created", begun), ("response.in_progress", begun)], 0)

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        pieces, number = [], OPENING
        for events in _pieces(answer):
            pieces.append(_written(events, number))
            number += len(events)
        return pieces

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        whole = self.whole(answer)
        number = OPENING + sum(map(len, _pieces(answer)))
        return _written([(f"response.{whole['status']}", {"response": whole})], number)

    def stopping(self) -> bytes:
        return b""  # the finish reason stands in the last event, which nothing follows

    def error_event(self, body: Json, headers: Any) -> bytes:
        error = body["error"]
        fields = {
            "code": error["code"] or error["type"],
            "message": error["message"],
            "param": error["param"],
        }
        return _event("error", **fields)


def _begun(answer: Answer) -> Json:
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": answer.model,
        "output": [],
        "store": False,
        "usage": None,
    }


def _pieces(answer: Answer) -> list[list[Event]]:
    """The events of each token.

    An item begins with its first token and ends with its last, so that a cut after a token is a cut between
    two events.
    """
    pieces: list[list[Event]] = []
    for index, (item, around, deltas) in enumerate(_items(answer)):
        begun = {name: [] if isinstance(value, list) else value for name, value in item.items()}
        begun |= {"arguments": ""} if "arguments" in item else {}
        place = {"output_index": index, "item_id": item["id"]}
        before, after = ([(kind, {**place, **more}) for kind, more in events] for events in around)
        events: list[list[Event]] = [[(kind, {**place, **more})] for kind, more in deltas]
        events[0] = [
            ("response.output_item.added", {"output_index": index, "item": begun}),
            *before,
            *events[0],
        ]
        events[-1] += [*after, ("response.output_item.done", {"output_index": index, "item": item})]
        pieces += events
    return pieces


Item = tuple[Json, tuple[list[Event], list[Event]], list[Event]]
"""An item, the events between its begin and its deltas and between these and its end, and its deltas."""


def _items(answer: Answer) -> Iterator[Item]:
    if answer.reasoning:
        yield _thought(answer)
    if answer.text or not answer.tools:
        yield _message(answer)
    for use in answer.tools:
        yield _call(use)


def _thought(answer: Answer) -> Item:
    text, place = "".join(answer.reasoning), {"summary_index": 0}
    part = {"type": "summary_text", "text": text}
    item = {"id": f"rs_{answer.id}", "type": "reasoning", "summary": [part]}
    of_text, of_part = "response.reasoning_summary_text", "response.reasoning_summary_part"
    begun = [(f"{of_part}.added", {**place, "part": {**part, "text": ""}})]
    done = [(f"{of_text}.done", {**place, "text": text}), (f"{of_part}.done", {**place, "part": part})]
    deltas = [(f"{of_text}.delta", {**place, "delta": token}) for token in answer.reasoning]
    return {**item, "encrypted_content": encrypted_for(answer)}, (begun, done), deltas


def _message(answer: Answer) -> Item:
    text, place = "".join(answer.text), {"content_index": 0}
    logprobs: Json = {"logprobs": []}
    part = {"type": "output_text", "text": text, "annotations": [], **logprobs}
    item = {"id": f"msg_{answer.id}", "type": "message", "status": "completed", "role": "assistant"}
    of_text, of_part = "response.output_text", "response.content_part"
    begun = [(f"{of_part}.added", {**place, "part": {**part, "text": ""}})]
    done = [
        (f"{of_text}.done", {**place, "text": text, **logprobs}),
        (f"{of_part}.done", {**place, "part": part}),
    ]
    deltas = [(f"{of_text}.delta", {**place, "delta": token, **logprobs}) for token in answer.text or ("",)]
    return {**item, "content": [part]}, (begun, done), deltas


def _call(use: ToolUse) -> Item:
    arguments = encode(use.arguments)
    item = {"id": f"fc_{use.id}", "type": "function_call", "status": "completed"}
    kind = "response.function_call_arguments"
    deltas = [(f"{kind}.delta", {"delta": piece}) for piece in ("", arguments[:5], arguments[5:])]
    whole = {"call_id": f"call_{use.id}", "name": use.name, "arguments": arguments}
    return {**item, **whole}, ([], [(f"{kind}.done", {"arguments": arguments})]), deltas


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {encode({'type': kind, **fields})}\n\n".encode()


def _written(events: list[Event], number: int) -> bytes:
    """The events, numbered from `number`."""
    numbered = enumerate(events, number)
    return b"".join(_event(kind, sequence_number=at, **fields) for at, (kind, fields) in numbered)


def _usage(answer: Answer) -> Json:
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
