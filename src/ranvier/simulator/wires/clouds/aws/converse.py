"""Bedrock's Converse: `POST {base}/model/{id}/converse`, or `/converse-stream` for binary frames."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from ranvier.simulator.dialogue import Answer, Ask, Tool
from ranvier.simulator.wires.clouds.aws import frames
from ranvier.simulator.wires.clouds.aws.sigv4 import access_key_in, check_signature
from ranvier.simulator.wires.opaque import signature_of
from ranvier.simulator.wires.reading import Sent, Unacceptable, bearer, last_words, length_of, messages_of
from ranvier.simulator.wires.refusals.converse import REFUSALS
from ranvier.simulator.wires.rules.converse import check
from ranvier.simulator.wires.wire import Wire, encode

Json = dict[str, Any]

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}

_METHOD: Final = re.compile(r"/model/([^/]+)/(converse|converse-stream)")
_MODEL: Final = re.compile(r"(?:[a-z-]+\.)?[a-z0-9]+\.(.+)")
"""The region, the maker and the model in an id."""


def key_in(headers: Mapping[str, str]) -> str | None:
    """The API key of a request, or the id of the access key that signed it."""
    return bearer(headers) or access_key_in(headers)


def check_access(sent: Sent) -> None:
    """Raise `Unacceptable` unless the request has an API key or a valid signature."""
    if bearer(sent.headers) is None:
        check_signature(sent, service="bedrock")


def model_in(model: str) -> str:
    """The model in an id or an ARN, without region and maker."""
    named = _MODEL.fullmatch(model.rpartition("/")[2])
    return named[1] if named else model


class ConverseWire(Wire):
    """Binary frames; the rows of `refusals` have the class of the error, which is sent in a header."""

    name = "bedrock"
    stream_type = "application/vnd.amazon.eventstream"
    refusals: ClassVar = REFUSALS

    def key(self, headers: Mapping[str, str]) -> str | None:
        return key_in(headers)

    def read(self, sent: Sent) -> Ask:
        found = _METHOD.fullmatch(sent.target.partition(f"/{sent.provider}")[2])
        if found is None:
            raise Unacceptable(404, "not_found")
        check_access(sent)
        body, model = sent.body, unquote(found[1])
        messages = messages_of(body)
        check(body, model_in(model))
        further = body.get("additionalModelRequestFields") or {}
        config = body.get("toolConfig") or {}
        forbidden = (further.get("tool_choice") or {}).get("type") == "none"
        tools = (
            () if forbidden else [each["toolSpec"] for each in config.get("tools", ()) if "toolSpec" in each]
        )
        choice = config.get("toolChoice") or {}
        return Ask(
            sent.provider,
            self.key(sent.headers),
            model,
            streaming=found[2] == "converse-stream",
            prompt=last_words(messages),
            input_tokens=length_of(messages),
            limit=(body.get("inferenceConfig") or {}).get("maxTokens"),
            tools=tuple(Tool(tool["name"], tool["inputSchema"]["json"]) for tool in tools),
            must_call=choice["tool"]["name"] if "tool" in choice else "" if "any" in choice else None,
            answers_tool=any("toolResult" in block for block in messages[-1]["content"]),
            thinks=_thinks(further),
            schema=_schema(body),
        )

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [("x-amzn-requestid", f"00000000-0000-4000-8000-{unique:0>12}")]

    # --- answers ---------------------------------------------------------------------------------

    def whole(self, answer: Answer) -> Json:
        return {
            "metrics": {"latencyMs": 23},
            "output": {
                "message": {"role": "assistant", "content": [block for block, _, _ in _blocks(answer)]}
            },
            "stopReason": _STOP_REASONS[answer.finish],
            "usage": _usage(answer),
        }

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        return _event("messageStart", role="assistant")

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        pieces: list[bytes] = []
        for index, (_, start, deltas) in enumerate(_blocks(answer)):
            place = {"contentBlockIndex": index}
            events = [_event("contentBlockDelta", **place, delta=delta) for delta in deltas]
            # A block starts with its first token and stops with its last, so that a cut after a token
            # is a cut between two events. Text and reasoning have no start.
            if start is not None:
                events[0] = _event("contentBlockStart", **place, start=start) + events[0]
            events[-1] += _event("contentBlockStop", **place)
            pieces += events
        return pieces

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        stop = _event("messageStop", stopReason=_STOP_REASONS[answer.finish])
        return stop + _event("metadata", usage=_usage(answer), metrics={"latencyMs": 23})

    def stopping(self) -> bytes:
        return _event("messageStop", stopReason="end_turn")

    def ping(self) -> bytes:
        return _event("keepAlive")

    def noise(self) -> bytes:
        return _event("somethingNew", of="no importance")

    def objects(self, piece: bytes) -> Iterator[bytes]:
        for headers, payload in frames.frames_of(piece):
            yield b'{"%b":%b}' % (headers[":event-type"].encode(), payload)

    def rewritten(self, piece: bytes, change: Callable[[bytes], bytes]) -> bytes:
        return change(piece) if piece.startswith(b"{") else frames.each_payload(piece, change)

    def huge(self, size: int) -> tuple[bytes, bytes]:
        return frames.prelude(frames.PRELUDE + size + frames.END, 0), b"\0" * frames.END

    def broken(self, event: bytes) -> bytes:
        if event.startswith(b"{"):
            return super().broken(event)
        return event[:-1] + bytes([event[-1] ^ 1])  # the checksum is another

    # --- errors ----------------------------------------------------------------------------------

    def error(self, status: int, reason: str, row: Any, wait: float | None) -> Json:
        return {"__type": row["type"], "message": row["message"]}

    def refusal_headers(self, status: int, reason: str | None, wait: float | None) -> list[tuple[str, str]]:
        _, row = self._row(status, reason)
        return [("x-amzn-errortype", f"{row['type']}:http://internal.amazon.com/coral/com.amazon.bedrock/")]

    def signed(self, body: Json, headers: Mapping[str, str]) -> Json:
        return {"message": body["message"]}  # the header has its class

    def error_event(self, body: Json, headers: Mapping[str, str]) -> bytes:
        kind = body["__type"]
        return frames.exception(f"{kind[0].lower()}{kind[1:]}", encode({"message": body["message"]}).encode())


def _blocks(answer: Answer) -> Iterator[tuple[Json, Json | None, list[Json]]]:
    """Each content block: the whole of it, its start, and its deltas."""
    if answer.reasoning:
        signature = signature_of(answer)
        thought = {"text": "".join(answer.reasoning), "signature": signature}
        deltas = [{"reasoningContent": {"text": token}} for token in answer.reasoning]
        signed = {"reasoningContent": {"signature": signature}}
        yield {"reasoningContent": {"reasoningText": thought}}, None, [*deltas, signed]
    if answer.text:
        yield {"text": "".join(answer.text)}, None, [{"text": token} for token in answer.text]
    for use in answer.tools:
        arguments = encode(use.arguments)
        called = {"toolUseId": f"tooluse_{use.id}", "name": use.name}
        deltas = [{"toolUse": {"input": piece}} for piece in ("", arguments[:5], arguments[5:])]
        yield {"toolUse": {**called, "input": use.arguments}}, {"toolUse": called}, deltas


def _event(kind: str, **fields: Any) -> bytes:
    # Bedrock pads its events, so that their sizes do not reveal the tokens.
    padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return frames.event(kind, encode({**fields, "p": padding[: 4 + len(str(fields)) % 32]}).encode())


def _usage(answer: Answer) -> Json:
    return {
        "inputTokens": answer.input_tokens,
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.input_tokens + answer.output_tokens,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
    }


def _thinks(further: Json) -> bool:
    """True if thinking is requested in the field of any family of models, and is shown."""
    thinking = further.get("thinking") or further.get("reasoningConfig") or {}
    shown = thinking.get("type") in ("enabled", "adaptive") and thinking.get("display") != "omitted"
    efforts = (further.get("reasoning_effort"), further.get("reasoning_config"))
    return shown or any(effort not in (None, "none") for effort in efforts)


def _schema(body: Json) -> Mapping[str, Any] | None:
    form = (body.get("outputConfig") or {}).get("textFormat")
    schema: Mapping[str, Any] | None = form and json.loads(form["structure"]["jsonSchema"]["schema"])
    return schema
