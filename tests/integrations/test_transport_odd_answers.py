"""Answers that only we can read, through the transport for SDKs: the next target is asked."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.integrations import transport
from ranvier.layers import Fallback
from support.providers.asking import Chunks
from support.providers.five_wires import WIRES, as_lines, as_sse

ASKED = {
    "openai": ("/v1/chat/completions", "m"),
    "anthropic": ("/v1/messages", "m"),
    "responses": ("/v1/responses", "m"),
    "gemini": ("/v1beta/models/m:generateContent", "m"),
}
each_wire = pytest.mark.parametrize("name", ASKED)


def crowded(pieces: list[Any]) -> bytes:
    """Events without the empty lines between them."""
    return b"".join(b"data: " + json.dumps(piece).encode() + b"\n" for piece in pieces) + b"\n"


def odd_bodies(name: str) -> dict[str, bytes]:
    """Bodies that we read as an answer, and an SDK as none, or as half of one; the last in a stream only."""
    wire = WIRES[name]
    whole, pieces = wire.whole("first"), wire.pieces("first")
    return {
        "wrapped": json.dumps({"result": whole}).encode(),
        "in a list": json.dumps([whole]).encode(),
        "wrapped events": as_sse([{"data": piece} for piece in pieces]),
        "without empty lines": crowded(pieces),
        "lines": as_lines(pieces),
        "an array": json.dumps(pieces).encode(),
        "behind a byte order mark": b"\xef\xbb\xbf" + wire.stream("first"),
        "whole": json.dumps(whole).encode(),
        "whole in an event": as_sse([whole]),
    }


async def asked(name: str, content: bytes, *, streamed: bool) -> str:
    """What an SDK gets, where the first endpoint answers with `content`, and the second as usual."""
    wire = WIRES[name]

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.host == "first":
            return httpx.Response(200, stream=Chunks(content))
        usual = wire.stream("second") if streamed else json.dumps(wire.whole("second")).encode()
        return httpx.Response(200, stream=Chunks(usual))

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as servers:
        first, second = (
            wire.kind("key", base_url=f"http://{host}", name=host, http_client=servers)
            for host in ("first", "second")
        )
        pipeline = Pipeline(Fallback(Deployment(first, "m"), Deployment(second, "m")))
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline)) as client:
            path, model = ASKED[name]
            if streamed:
                path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
            body: Any = {"contents": [{"parts": [{"text": "Hi"}]}]} if name == "gemini" else {"model": model}
            body |= {} if name == "gemini" else {"stream": streamed, "messages": [], "input": "Hi"}
            return (await client.post(f"https://sdk{path}", json=body)).text


USUAL = {("whole", False), ("whole in an event", True, "gemini")}
"""The forms that are as they should be: a piece of Gemini's is written like a whole answer."""

ODD = [
    pytest.param(name, odd, streamed, id=f"{name}-{odd}-{'streamed' if streamed else 'whole'}")
    for name in ASKED
    for odd in odd_bodies(name)
    for streamed in (False, True)
    if USUAL.isdisjoint([(odd, streamed), (odd, streamed, name)])
]


@pytest.mark.parametrize(("name", "odd", "streamed"), ODD)
async def test_the_next_target_is_asked(name: str, odd: str, streamed: bool) -> None:
    """Because an SDK would read nothing, or something else, where the answer stands."""
    text = await asked(name, odd_bodies(name)[odd], streamed=streamed)
    assert "second" in text
    assert "first" not in text


@each_wire
@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
async def test_what_an_sdk_reads_is_handed_on(name: str, end: bytes) -> None:
    """Other line endings are no reason to ask another target, nor are spaces around a whole answer."""
    wire = WIRES[name]
    assert "first" in await asked(name, wire.stream("first").replace(b"\n", end), streamed=True)
    assert "first" in await asked(name, b" " + json.dumps(wire.whole("first")).encode(), streamed=False)


@each_wire
async def test_events_without_names_are_handed_on_to_who_reads_them(name: str) -> None:
    """The SDK of Anthropic skips them all."""
    nameless = b"".join(
        b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in WIRES[name].pieces("first")
    )
    text = await asked(name, nameless, streamed=True)
    assert ("second" if name == "anthropic" else "first") in text


async def test_the_marker_of_the_end_is_not_handed_on_where_the_answer_is_cut_off() -> None:
    """An SDK would stop there, and take what came before it for the whole answer."""
    content = as_sse(WIRES["openai"].pieces("first")[:1], end=b"data: [DONE]\n\n")
    text = await asked("openai", content, streamed=True)
    assert "[DONE]" not in text
    assert json.loads(text.rpartition("data: ")[2])["error"]["type"] == "api_error"
