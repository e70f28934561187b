"""The ways in which a provider fails, each of them saying the key and the prompt again where it can."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from support.providers.asking import Visit
from support.providers.seven import body

KEY = "sk-sentinel/4f1d9a7c+e2b8=0635"
"""A key that stands in no other text; with characters that are spelled differently in JSON and addresses."""

PROMPT = "the lighthouse keeper confesses"
"""A prompt that stands in no other text."""

ECHO = f"no: {KEY} asked <{PROMPT}>"

Script = Callable[[Visit], Awaitable[None]]
Way = Callable[[str], Script]
"""Given a provider's name, how its server behaves."""


def _status(number: int, content: str, *headers: str) -> Way:
    async def script(visit: Visit) -> None:
        await visit.answer(content, *headers, status=f"{number} No")

    return lambda name: script


def _refusal(number: int) -> Way:
    said = {"error": {"message": ECHO, "type": KEY, "code": KEY, "param": PROMPT}, "request_id": KEY}
    return _status(number, json.dumps(said), f"x-request-id: {KEY}", f"location: https://x.test/?key={KEY}")


def _answer(content: object) -> Way:
    return _status(200, content if isinstance(content, str) else json.dumps(content), f"request-id: {KEY}")


def _raw(content: str) -> Way:
    async def script(visit: Visit) -> None:
        await visit.send(content)
        visit.writer.close()

    return lambda name: script


def _events(*lines: object) -> Way:
    """A stream of one event for each of these lines."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]

    def way(name: str) -> Script:
        prefix, end = ("", "\n") if name == "ollama" else ("data: ", "\n\n")

        async def script(visit: Visit) -> None:
            await visit.begin_stream(*(f"{prefix}{text}{end}".encode() for text in texts), b"")

        return script

    return way


def _after_content(then: Callable[[Visit], Awaitable[Any]], also: str = "") -> Way:
    """A stream that begins well, and then goes on like that."""

    def way(name: str) -> Script:
        lines = body(name, "answer.stream").splitlines(keepends=True)
        begun = b"".join(lines[: len(lines) // 2])

        async def script(visit: Visit) -> None:
            prefix, end = ("", "\n") if name == "ollama" else ("\ndata: ", "\n\n")
            await visit.begin_stream(begun, *([f"{prefix}{also}{end}".encode()] if also else []))
            await then(visit)

        return script

    return way


async def _abort(visit: Visit) -> None:
    await asyncio.sleep(0.01)
    visit.writer.transport.abort()


async def _end(visit: Visit) -> None:
    await visit.chunk(b"")


async def _reset(visit: Visit) -> None:
    visit.writer.transport.abort()


REFUSED = {"message": {"role": "assistant", "content": None, "refusal": ECHO}, "finish_reason": "stop"}
ERROR = json.dumps({"error": {"message": ECHO, "type": KEY, "code": KEY}})

WAYS: dict[str, Way] = {
    **{f"status {number}": _refusal(number) for number in (302, 400, 401, 402, 403, 404, 408, 413, 422)},
    **{f"status {number}": _refusal(number) for number in (429, 500, 503, 524, 529, 599)},
    "a page with status 502": _status(502, f"<html><title>{KEY}</title>{PROMPT}</html>"),
    "text with status 403": _status(403, ECHO, "content-type: text/plain"),
    "a page": _answer(f"<html><title>{ECHO}</title></html>"),
    "text": _answer(ECHO),
    "nothing": _answer(""),
    "cut JSON": _answer('{"choices": [{"message": "' + ECHO),
    "an odd answer": _answer({"choices": [{"message": ECHO}], "content": ECHO, "candidates": ECHO}),
    "an answer of no kind": _answer({"text": ECHO}),
    "an error in a 200": _answer(ERROR),
    "a refusal": _answer({"choices": [REFUSED]}),
    "a reason": _answer({"candidates": [{"finishReason": ECHO}], "promptFeedback": {"blockReason": ECHO}}),
    "no gzip": _status(200, ECHO, "content-encoding: gzip", f"request-id: {KEY}"),
    "no HTTP": _raw(f"{ECHO}\r\n\r\n"),
    "no header": _raw(f"HTTP/1.1 200 OK\r\n{ECHO}\r\n\r\n"),
    "no length": _raw(f"HTTP/1.1 200 OK\r\ncontent-length: {KEY}\r\n\r\n{ECHO}"),
    "no chunk": _raw(f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{ECHO}\r\n"),
    "a reset": lambda name: _reset,
    "an error event": _events({"error": {"message": ECHO, "code": KEY}}),
    "an odd event": _events({"choices": [ECHO], "message": ECHO, "candidates": [ECHO], "type": ECHO}),
    "an event that is cut": _events('{"choices": "' + ECHO),
    "an event of text": _events(ECHO),
    "a stream that breaks": _after_content(_abort),
    "a stream that breaks after an echo": _after_content(_abort, '{"choices": "' + ECHO),
    "a stream that is cut": _after_content(_end),
    "a stream that ends in an error": _after_content(_end, ERROR),
    "a stream that goes odd": _after_content(_end, json.dumps({"choices": ECHO, "message": ECHO, "type": 1})),
    "a stream that falls silent": _after_content(lambda visit: visit.gone()),
    "silence": lambda name: Visit.gone,
}
