"""Server-Sent Events without the empty lines between them are read, on every wire."""

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from ranvier.errors import InvalidResponseError, RateLimitError
from ranvier.providers._reading.sse import SseDecoder
from support.providers.five_wires import WIRES
from support.providers.seven import collected

each_wire = pytest.mark.parametrize("name", WIRES)
BEGUN = {"anthropic": 3, "responses": 3, "converse": 2}
"""How many pieces have come with the first words."""

CALLS = (("a", "look", {"at": "it"}),)


def crowded(pieces: Iterable[Any], end: bytes = b"\n", *, named: bool = True) -> bytes:
    """Events with a single line ending between them, and the marker of the end."""
    lines = []
    for piece in pieces:
        if named and "type" in piece:
            lines.append(b"event: " + piece["type"].encode())
        lines.append(b"data: " + json.dumps(piece).encode())
    return end.join([*lines, b"data: [DONE]", b""])


@each_wire
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("step", [3, 100_000])
async def test_events_without_empty_lines_are_read(
    ask: Any, streamed: Any, name: str, end: bytes, step: int
) -> None:
    """Whichever line ending they have, however they are cut, named or not: streamed, and unasked."""
    wire = WIRES[name]
    pieces = wire.pieces("hello", CALLS, usage=wire.counts(7, 2))
    for content in (crowded(pieces, end), crowded(pieces, end, named=False)):
        chunks = [content[place : place + step] for place in range(0, len(content), step)]
        async with ask(wire.kind, streamed(*chunks)) as server:
            answers = [collected(await server.stream(model="m"))]
        async with ask(wire.kind, httpx.Response(200, content=content)) as server:
            answers.append(await server.complete(model="m"))
        for answer in answers:
            assert (answer.text, answer.tool_calls[0].arguments) == ("hello", {"at": "it"})
            assert (answer.usage.input, answer.usage.output) == (7, 2)


@each_wire
async def test_an_event_is_told_when_the_next_one_has_come(ask: Any, streamed: Any, name: str) -> None:
    """And not at the end of the body."""
    begun = WIRES[name].pieces("hello")[: BEGUN.get(name, 1) + 1]
    content = crowded(begun).removesuffix(b"data: [DONE]\n")
    async with ask(WIRES[name].kind, streamed(content, httpx.ReadError("broken"))) as server:
        events = server.provider.stream(server.call(model="m"))
        async for event in events:
            if event.has_content:
                break
        else:
            raise AssertionError("nothing was told before the end")
        await events.aclose()


@each_wire
async def test_an_error_among_them_is_that_error(ask: Any, streamed: Any, name: str) -> None:
    """Named or not."""
    failed = {"type": "error", "error": {"type": "rate_limit_error", "code": 429, "message": "slow down"}}
    for named in (True, False):
        content = crowded([*WIRES[name].pieces("hello")[:1], failed], named=named)
        async with ask(WIRES[name].kind, streamed(content)) as server:
            with pytest.raises(RateLimitError, match="slow down"):
                await server.stream(model="m")


@each_wire
async def test_an_event_that_is_cut_off_is_no_answer(ask: Any, streamed: Any, name: str) -> None:
    """As it is none with empty lines."""
    content = crowded(WIRES[name].pieces("hello"))
    content = content[: content.index(b"hello") + 2]
    async with ask(WIRES[name].kind, streamed(content)) as server:
        with pytest.raises(InvalidResponseError):
            await server.stream(model="m")


def split(content: bytes) -> list[tuple[bytes, str]]:
    """The events in a body."""
    decoder = SseDecoder()
    return [*decoder.feed(content), *decoder.finish()]


def test_an_object_on_several_lines_stays_one_event() -> None:
    """Lines that are no objects each are joined, as the specification says."""
    for lines in ([b"{", b'"a": 1', b"}"], [b'{"a": "b}', b'{c"}'], [b"words", b"{}"], [b"[1,", b"{}]"]):
        joined = b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
        assert split(joined) == [(b"\n".join(lines), "")]


def test_a_name_belongs_to_the_data_beside_it() -> None:
    """It may come before its data, or after them where an empty line ends the event."""
    assert split(b"event: a\ndata: {}\nevent: b\ndata: {}\n") == [(b"{}", ""), (b"{}", "b")]
    assert split(b"data: {}\nevent: error\ndata: {}\n\n") == [(b"{}", ""), (b"{}", "error")]
    assert split(b"data: {}\nevent: a\n\ndata: {}\n\n") == [(b"{}", "a"), (b"{}", "")]
    assert split(b"event: a\ndata: {}\ndata: {}\n\n") == [(b"{}", "a"), (b"{}", "")]
