"""However much a server sends, and however packed: no more is held than the limit, and time is linear."""

import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from ranvier.errors import InvalidResponseError, ProviderError
from ranvier.messages import StreamEvent, ToolCallDelta
from ranvier.messages.collector import Collector
from ranvier.providers import OpenAI
from ranvier.providers._failures.classify import classify
from ranvier.providers._http import port as _http
from ranvier.providers._reading import streamed as _streamed
from ranvier.providers._reading.sse import Decoder, LineDecoder, OversizedEventError, SseDecoder
from support.fuzz.fuzzing import grows_at_most_linearly
from support.fuzz.reading import outcome
from support.providers.asking import opened

MEGABYTE = 1024 * 1024
LIMIT = MEGABYTE // 8
"""The limit of these tests, instead of the real one."""


def peak(work: Callable[[], object]) -> int:
    """The most bytes that `work` held at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- memory --------------------------------------------------------------------------------------

ENDLESS = {
    "a line": b"x" * 4096,
    "a line of data": b"data: " + b"x" * 4090,
    "lines of data": b"data: x\n" * 512,
    "empty lines of data": b"data:\n" * 700,
    "lines of bare JSON": b"{\n" * 2048,
    "the smallest pieces": b"y",
}
"""What a server may send again and again in one event."""


@pytest.mark.parametrize("kind", [SseDecoder, LineDecoder])
@pytest.mark.parametrize("what", ENDLESS)
def test_an_event_without_an_end_is_held_up_to_the_limit(kind: type[Decoder], what: str) -> None:
    """However small its pieces are, their bytes are held and little else."""

    def work() -> None:
        decoder = kind(limit=LIMIT)
        with suppress(OversizedEventError):
            for _ in range(3 * LIMIT // len(ENDLESS[what])):
                decoder.feed(ENDLESS[what])

    work()
    assert peak(work) < 4 * LIMIT


def test_an_answer_without_an_end_is_held_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of good events that never ends is none after all, whoever sends it."""
    monkeypatch.setattr(_streamed, "MAX_STREAM_BYTES", LIMIT)
    pieces = {
        "openai": b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"x" * 100),
        "openrouter": b'data: {"choices":[{"delta":{"reasoning_details":[{"text":"%s"}]}}]}\n\n' % (b"x" * 9),
        "ollama": b'{"message":{"content":"%s"}}\n' % (b"x" * 100),
        "responses": b'data: {"type":"response.output_text.delta","delta":"%s"}\n\n' % (b"x" * 100),
        "gemini": b'data: {"candidates":[{"content":{"parts":[{"text":"%s"}]}}]}\n\n' % (b"x" * 100),
    }  # fmt: skip
    for provider, piece in pieces.items():
        sent = 0

        def endless(piece: bytes = piece) -> Iterator[bytes]:
            nonlocal sent
            while sent < 50 * LIMIT:
                sent += len(piece)
                yield piece

        error = outcome(provider, endless(), streamed=True)
        assert isinstance(error, InvalidResponseError), provider
        assert "longer than" in str(error), provider
        assert sent < LIMIT + 2 * len(piece), provider


def bomb(layers: int) -> bytes:
    """Zeros, packed so well that a little of it is much."""
    content = b"0" * (64 * MEGABYTE)
    for _ in range(layers):
        content = gzip.compress(content)
    return content


@pytest.mark.once
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_that_unpacks_to_more_than_anybody_wants_is_never_unpacked(
    monkeypatch: pytest.MonkeyPatch, layers: int, status: int
) -> None:
    """A few kilobytes that say they are gigabytes are refused after a bounded piece of them."""
    monkeypatch.setattr(_http, "MAX_BODY_BYTES", LIMIT)
    packed = bomb(layers)

    async def body() -> AsyncIterator[bytes]:
        yield packed

    headers = {"content-encoding": ", ".join(["gzip"] * layers)}
    reply = httpx.Response(status, content=body(), headers=headers)
    async with opened(OpenAI, reply) as asked:
        tracemalloc.start()
        try:
            with pytest.raises(ProviderError):
                await asked.complete()
            assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
        finally:
            tracemalloc.stop()


# --- time ----------------------------------------------------------------------------------------


def delta(**fields: Any) -> bytes:
    """An event of a chat completion."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": fields}]}).encode() + b"\n\n"


def claude(kind: str, **fields: Any) -> bytes:
    """An event of a message of Anthropic's."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'index': 0, **fields})}\n\n".encode()


def gemini(**part: Any) -> bytes:
    """A piece of an answer of Gemini's."""
    return b"data: " + json.dumps({"candidates": [{"content": {"parts": [part]}}]}).encode() + b"\n\n"


def ollama(**message: Any) -> bytes:
    """A line of an answer of Ollama's."""
    return json.dumps({"message": message}).encode() + b"\n"


def item(kind: str, **fields: Any) -> bytes:
    """An event of the Responses API."""
    return b"data: " + json.dumps({"type": f"response.{kind}", **fields}).encode() + b"\n\n"


WORDS = "x" * 1000
ENDED = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
TOOL = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
CALL_ITEM = {"type": "function_call", "name": "f", "arguments": ""}
ARGUMENTS = [{"index": 0, "function": {"name": "f", "arguments": WORDS}}]
CALL = [{"function": {"name": "f", "arguments": {}}}]
DONE = b'{"done":true,"done_reason":"stop"}\n'
STOPPED = claude("content_block_stop") + claude("message_stop")

GROWING: dict[str, tuple[str, bytes, bytes, bytes]] = {
    "words": ("openai", b"", delta(content=WORDS), ENDED),
    "a refusal": ("openai", b"", delta(refusal=WORDS), ENDED),
    "words in a list": ("openai", b"", delta(content=[{"text": WORDS}]), ENDED),
    "arguments": ("openai", b"", delta(tool_calls=ARGUMENTS), ENDED),
    "calls": ("openai", b"", delta(tool_calls=CALL), ENDED),
    "thoughts of Kimi": ("kimi", b"", delta(reasoning_content=WORDS), ENDED),
    "thoughts of GLM": ("glm", b"", delta(reasoning_content=WORDS), ENDED),
    "a thought of many": ("openrouter", b"", delta(reasoning_details=[{"index": 0, "text": WORDS}]), ENDED),
    "thoughts of many": ("openrouter", b"", delta(reasoning_details=[{"text": WORDS}]), ENDED),
    "a thought of Claude": (
        "anthropic",
        claude("content_block_start", content_block={"type": "thinking", "thinking": ""}),
        claude("content_block_delta", delta={"type": "thinking_delta", "thinking": WORDS}),
        STOPPED,
    ),
    "arguments of Claude": (
        "anthropic",
        claude("content_block_start", content_block=TOOL),
        claude("content_block_delta", delta={"type": "input_json_delta", "partial_json": WORDS}),
        STOPPED,
    ),
    "blocks of Claude": ("anthropic", b"", claude("content_block_start", content_block=TOOL), STOPPED),
    "parts of Gemini": ("gemini", b"", gemini(thoughtSignature=WORDS), gemini(text="x")),
    "calls of Gemini": ("gemini", b"", gemini(functionCall={"name": "f", "args": {"x": WORDS}}), b""),
    "thoughts of Ollama": ("ollama", b"", ollama(thinking=WORDS), DONE),
    "calls of Ollama": ("ollama", b"", ollama(tool_calls=CALL), DONE),
    "words of Responses": ("responses", b"", item("output_text.delta", delta=WORDS), item("completed")),
    "a refusal of Responses": ("responses", b"", item("refusal.delta", delta=WORDS), item("failed")),
    "arguments of Responses": (
        "responses",
        item("output_item.added", output_index=0, item=CALL_ITEM),
        item("function_call_arguments.delta", output_index=0, delta=WORDS),
        item("output_item.done", output_index=0, item=CALL_ITEM) + item("completed"),
    ),
    "thoughts of Responses": (
        "responses",
        b"",
        item("reasoning_summary_text.delta", delta=WORDS),
        item("completed"),
    ),
    "items of Responses": ("responses", b"", item("output_item.done", item=CALL_ITEM), item("completed")),
    "comments": ("openai", b"", b": x\n", ENDED),
    "lines of no meaning": ("anthropic", b"", b"retry: 1\n\n\r\r", b""),
    "events of no meaning": ("openai", b"", b"data: x\n\n", ENDED),
}
"""Whose stream, how it begins, what comes again and again, and how it ends."""


@pytest.mark.parametrize("what", GROWING)
def test_a_stream_takes_time_in_proportion_to_its_length(what: str) -> None:
    """Sixteen times as much takes sixteen times as long, whatever it is that comes again and again."""
    provider, begin, piece, end = GROWING[what]
    repeated = 200 if len(piece) > 50 else 500

    def work(size: int) -> None:
        outcome(provider, [begin + piece * size + end], streamed=True)

    assert grows_at_most_linearly(work, repeated)


NESTED = {
    "a list of errors": lambda n: json.dumps([{"error": {"message": "x"}}] * n),
    "details": lambda n: json.dumps({"error": {"details": [{"violations": [{"quotaId": "x"}] * n}] * 3}}),
    "a tower": lambda n: "[" * n + "]" * n,
    "objects in objects": lambda n: '{"error":' * n + "1" + "}" * n,
    "raw in raw": lambda n: json.dumps({"error": {"metadata": {"raw": json.dumps({"message": "x" * n})}}}),
    "waits": lambda n: json.dumps({"error": {"message": "retry in 1 " * n}}),
    "a wait": lambda n: json.dumps({"error": {"message": "retry in " + "1s" * n, "retryDelay": "1s" * n}}),
    "a number": lambda n: '{"retry_after": ' + "9" * n + "}",
    "spaces": lambda n: " \u200b\t" * n,
    "backslashes": lambda n: '{"error": "' + "\\\\" * n + '"}',
    "a page": lambda n: "<title>" * n,
}
"""Bodies of refusals that grow in one place."""


@pytest.mark.parametrize("what", NESTED)
def test_a_refusal_takes_time_in_proportion_to_its_length(what: str) -> None:
    """Wherever it is that its body grows."""

    def work(size: int) -> None:
        classify(NESTED[what](size), provider="openai", status=429, secret="sk-fuzz-0123456789")

    assert grows_at_most_linearly(work, 500)


def test_tool_calls_in_ever_smaller_fragments_take_time_in_proportion() -> None:
    """A fragment of one letter costs no more than its share."""

    def work(size: int) -> None:
        collector = Collector()
        for number in range(size):
            collector.add(StreamEvent(tool_call=ToolCallDelta(number % 7, arguments="x")))
            collector.add(StreamEvent(text="x"))
        collector.response("openai", "m")

    assert grows_at_most_linearly(work, 300)
