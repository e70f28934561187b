"""Gemini's own API: `POST {base}/models/{model}:generateContent`, or `:streamGenerateContent?alt=sse`."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

from ranvier.simulator.dialogue import Answer, Ask, Tool, ToolUse
from ranvier.simulator.wires.opaque import thought_signature_of
from ranvier.simulator.wires.reading import Sent, Unacceptable
from ranvier.simulator.wires.refusals.gemini import REFUSALS
from ranvier.simulator.wires.rules.gemini import check, uses_signatures
from ranvier.simulator.wires.wire import Wire, encode

Json = dict[str, Any]

_FINISH_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_PLACE = re.compile(r"/v1(?:beta)?/(?:models|tunedModels)/([^/:]+):(generateContent|streamGenerateContent)")

_WITHOUT_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
    "other form of API consumer identity to call this API."
)
_UNCHANGED = (
    "args",
    "response",
    "parameters",
    "parametersJsonSchema",
    "responseSchema",
    "responseJsonSchema",
)


class GeminiWire(Wire):
    """Stream chunks in the format of a whole answer; the rows of `refusals` are error objects.

    A stream ends with a chunk that has a finish reason. Without `alt=sse` the real API sends one long
    JSON array, which clients do not read incrementally; the simulator sends a whole answer instead.
    """

    name = "gemini"
    suffix = "/v1beta"
    stream_type = "text/event-stream"
    edge = frozenset()
    refusals: ClassVar = REFUSALS

    def key(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("x-goog-api-key")

    def read(self, sent: Sent) -> Ask:
        place = _PLACE.fullmatch(sent.path)
        if place is None:
            raise Unacceptable(404, "not_found")
        key = self.key(sent.headers)
        if key is None:
            raise Unacceptable(403, "permission", message=_WITHOUT_KEY)
        model, body = place[1], _camel(sent.body)
        check(body, model)
        contents, settings = body["contents"], body.get("generationConfig") or {}
        calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
        return Ask(
            sent.provider,
            key,
            model,
            streaming=place[2] == "streamGenerateContent" and parse_qs(sent.query).get("alt") == ["sse"],
            prompt=_last_words(contents),
            input_tokens=sum(1 + len(_words(content)) // 4 for content in contents),
            limit=settings.get("maxOutputTokens"),
            tools=tuple(_tools(body)) if calling.get("mode") != "NONE" else (),
            must_call=(calling.get("allowedFunctionNames") or [""])[0]
            if calling.get("mode") == "ANY"
            else None,
            answers_tool=any("functionResponse" in part for part in contents[-1]["parts"]),
            thinks=bool((settings.get("thinkingConfig") or {}).get("includeThoughts")),
            schema=settings.get("responseJsonSchema") or settings.get("responseSchema"),
        )

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [("x-gemini-service-tier", "standard"), ("server", "scaffolding on HTTPServer2")]

    # --- answers ---------------------------------------------------------------------------------

    def whole(self, answer: Answer) -> Json:
        if _blocked(answer):
            return _blocking(answer)
        parts: list[Json] = []
        if answer.reasoning:
            parts.append({"text": "".join(answer.reasoning), "thought": True})
        if answer.text:
            parts.append({"text": "".join(answer.text), **(_signature(answer) if answer.reasoning else {})})
        parts += [_call(answer, index, use) for index, use in enumerate(answer.tools)]
        content = {"parts": parts, "role": "model"} if parts else {"role": "model"}
        candidate = {"content": content, "finishReason": _FINISH_REASONS[answer.finish], "index": 0}
        return _piece(answer, [candidate], len(answer.reasoning), len(answer.text) + 4 * len(answer.tools))

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        return b""

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        return [] if _blocked(answer) else list(_events(answer))

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        if _blocked(answer):
            return _event(_blocking(answer))
        candidate: Json = {
            "content": {"role": "model"},
            "finishReason": _FINISH_REASONS[answer.finish],
            "index": 0,
        }
        if answer.tools:
            candidate["finishMessage"] = "Model generated function call(s)."
        elif answer.reasoning:
            candidate["content"] = {"parts": [{"text": "", **_signature(answer)}], "role": "model"}
        else:
            candidate["content"] = {"parts": [{"text": ""}], "role": "model"}
        written = len(answer.text) + 4 * len(answer.tools)
        return _event(_piece(answer, [candidate], len(answer.reasoning), written))

    def stopping(self) -> bytes:
        return _event({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP", "index": 0}]})

    def error(self, status: int, reason: str, row: Any, wait: float | None) -> Json:
        error = {"code": status, **row}
        if wait is not None:
            error["message"] += f"\nPlease retry in {wait:g}s."
            delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait:g}s"}
            error["details"] = [*error.get("details", ()), delay]
        return {"error": error}

    def says_wait_in_header(self, status: int, reason: str | None) -> bool:
        return False


# --- requests ------------------------------------------------------------------------------------


def _camel(value: Any) -> Any:
    """The body with its field names in camel case; the API also accepts them with underscores."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    names = {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): name for name in value}
    return {
        name: value[given] if name in _UNCHANGED else _camel(value[given]) for name, given in names.items()
    }


def _words(content: Json) -> str:
    return " ".join(part["text"] for part in content["parts"] if isinstance(part.get("text"), str))


def _last_words(contents: list[Json]) -> str:
    users = (content for content in reversed(contents) if content.get("role", "user") == "user")
    return next(filter(None, map(_words, users)), "")


def _tools(body: Json) -> Iterator[Tool]:
    for tool in body.get("tools") or ():
        for function in tool.get("functionDeclarations") or ():
            schema = function.get("parametersJsonSchema") or function.get("parameters") or {}
            yield Tool(function["name"], schema)


# --- parts of an answer --------------------------------------------------------------------------


def _events(answer: Answer) -> Iterator[bytes]:
    """One chunk per token, with the token counts so far."""
    for count, token in enumerate(answer.reasoning, 1):
        yield _event(_piece(answer, [_candidate({"text": token, "thought": True})], count, 0))
    thoughts, written = len(answer.reasoning), len(answer.text)
    for count, token in enumerate(answer.text, 1):
        yield _event(_piece(answer, [_candidate({"text": token})], thoughts, count))
    for index, use in enumerate(answer.tools):
        candidate = _candidate(_call(answer, index, use))
        yield _event(_piece(answer, [candidate], thoughts, written + 4 * (index + 1)))


def _candidate(part: Json) -> Json:
    return {"content": {"parts": [part], "role": "model"}, "index": 0}


def _call(answer: Answer, index: int, use: ToolUse) -> Json:
    call = {"functionCall": {"name": use.name, "args": use.arguments}}
    signed = not index and uses_signatures(answer.model)
    return {**call, **_signature(answer)} if signed else call


def _signature(answer: Answer) -> Json:
    return {"thoughtSignature": thought_signature_of(answer)}


def _piece(answer: Answer, candidates: list[Json], thoughts: int, written: int) -> Json:
    """One chunk: its candidates, the model, and the usage so far; counts of zero are omitted."""
    counts = {"promptTokenCount": answer.input_tokens, "candidatesTokenCount": written}
    counts |= {"thoughtsTokenCount": thoughts, "totalTokenCount": answer.input_tokens + written + thoughts}
    usage = {name: count for name, count in counts.items() if count}
    return {
        "candidates": candidates,
        "usageMetadata": {
            **usage,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.input_tokens}],
        },
        "modelVersion": answer.model,
        "responseId": f"r{answer.id}",
    }


def _blocked(answer: Answer) -> bool:
    """True if the prompt itself was blocked, so the answer has no content."""
    return answer.finish == "content_filter" and not (answer.text or answer.reasoning or answer.tools)


def _blocking(answer: Answer) -> Json:
    piece = _piece(answer, [], 0, 0)
    del piece["candidates"]
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **piece}


def _event(body: Json) -> bytes:
    return f"data: {encode(body)}\n\n".encode()
