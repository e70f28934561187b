"""OpenAI's Responses API: `POST {base}/responses`, beside its chat completions and with the same errors."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ranvier.simulator.dialogue import Answer, Ask, Tool
from ranvier.simulator.wires.opaque import account_of, encrypted_for
from ranvier.simulator.wires.openai import OpenAIWire
from ranvier.simulator.wires.reading import Sent, last_words, length_of, model_of
from ranvier.simulator.wires.rules.responses import check, items_of
from ranvier.simulator.wires.wire import encode

Json = dict[str, Any]

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
            "output": [item for item, _ in _items(answer)],
            "usage": _usage(answer),
        }

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        begun = _begun(answer)
        return _event("response.created", response=begun) + _event("response.in_progress", response=begun)

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        pieces: list[bytes] = []
        for index, (item, deltas) in enumerate(_items(answer)):
            place = {"output_index": index}
            events = [_event(kind, item_id=item["id"], **place, **more) for kind, more in deltas]
            # An item begins with its first token and ends with its last, so that a cut after a token is a
            # cut between two events.
            begun = {name: [] if isinstance(value, list) else value for name, value in item.items()}
            begun |= {"arguments": ""} if "arguments" in item else {}
            events[0] = _event("response.output_item.added", **place, item=begun) + events[0]
            events[-1] += _event("response.output_item.done", **place, item=item)
            pieces += events
        return pieces

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        whole = self.whole(answer)
        return _event(f"response.{whole['status']}", response=whole)

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


Deltas = list[tuple[str, Json]]


def _items(answer: Answer) -> Iterator[tuple[Json, Deltas]]:
    """Each item, and the events of its pieces."""
    if answer.reasoning:
        summary = [{"type": "summary_text", "text": "".join(answer.reasoning)}]
        thought = {"id": f"rs_{answer.id}", "type": "reasoning", "summary": summary}
        kind = "response.reasoning_summary_text.delta"
        deltas = [(kind, {"summary_index": 0, "delta": token}) for token in answer.reasoning]
        yield {**thought, "encrypted_content": encrypted_for(answer)}, deltas
    if answer.text or not answer.tools:
        content = [{"type": "output_text", "text": "".join(answer.text), "annotations": [], "logprobs": []}]
        message = {"id": f"msg_{answer.id}", "type": "message", "status": "completed", "role": "assistant"}
        kind = "response.output_text.delta"
        tokens = answer.text or ("",)
        deltas = [(kind, {"content_index": 0, "delta": token, "logprobs": []}) for token in tokens]
        yield {**message, "content": content}, deltas
    for use in answer.tools:
        arguments = encode(use.arguments)
        call = {"id": f"fc_{use.id}", "type": "function_call", "status": "completed"}
        kind = "response.function_call_arguments.delta"
        deltas = [(kind, {"delta": piece}) for piece in ("", arguments[:5], arguments[5:])]
        yield {**call, "call_id": f"call_{use.id}", "name": use.name, "arguments": arguments}, deltas


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {encode({'type': kind, **fields})}\n\n".encode()


def _usage(answer: Answer) -> Json:
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
