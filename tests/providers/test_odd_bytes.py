"""Bodies that are not quite JSON in UTF-8: raw tabs and line breaks, and characters cut between events."""

from typing import Any

import httpx
import pytest

from ranvier.messages import StreamEvent
from ranvier.providers._reading.halves import Halves
from support.providers.bedrock_apis import reworded
from support.providers.five_wires import WIRES
from support.providers.seven import APIS, body, collected


@pytest.mark.parametrize("name", WIRES)
async def test_raw_control_characters_in_a_text_are_read(ask: Any, name: str) -> None:
    """JSON wants them escaped, and some gateways forget it: whole and streamed."""
    wire = WIRES[name]
    whole = httpx.Response(200, json=wire.whole("a@b")).content.replace(b"@", b"\t")
    async with ask(wire.kind, httpx.Response(200, content=whole)) as server:
        assert (await server.complete(model="m")).text == "a\tb"
    stream = reworded(wire.stream("a@b"), lambda text: text.replace(b"@", b"\t"))
    async with ask(wire.kind, httpx.Response(200, content=stream)) as server:
        assert collected(await server.stream(model="m")).text == "a\tb"


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize("cut", [1, 2, 3])
async def test_a_character_whose_bytes_come_in_two_events_is_one(
    ask: Any, streamed: Any, name: str, cut: int
) -> None:
    """Some servers cut a text by its bytes; each event is then invalid UTF-8 by itself."""
    character = "\U0001f600".encode()

    def cut_in_two(stream: bytes) -> bytes:
        stream = stream.replace(b'"Sunny,"', b'"Sunny,' + character[:cut] + b'"')
        stream = stream.replace(b'" 21', b'"' + character[cut:] + b" 21")
        return stream.replace(b"Sunny, 21", b"Sunny," + character + b" 21")

    async with ask(APIS[name], streamed(reworded(body(name, "answer.stream"), cut_in_two))) as server:
        events = await server.stream()
    assert collected(events).text == "Sunny,\U0001f600 21 °C."
    assert all(event.text.encode() is not None for event in events)


@pytest.mark.parametrize("name", WIRES)
async def test_bytes_that_are_no_character_are_replaced(ask: Any, name: str) -> None:
    """They cost themselves and not the answer: whole and streamed."""
    wire = WIRES[name]
    whole = httpx.Response(200, json=wire.whole("a@b")).content.replace(b"@", b"\xff")
    async with ask(wire.kind, httpx.Response(200, content=whole)) as server:
        assert (await server.complete(model="m")).text == "a\ufffdb"
    stream = reworded(wire.stream("a@b"), lambda text: text.replace(b"@", b"\xff"))
    async with ask(wire.kind, httpx.Response(200, content=stream)) as server:
        assert collected(await server.stream(model="m")).text == "a\ufffdb"


def test_only_the_beginning_of_a_character_is_held() -> None:
    """A byte that cannot begin one is replaced at once, and what is held comes with the last event."""
    halves = Halves()
    assert [event.text for event in halves.joined(["a\udcff"])] == ["a\ufffd"]
    assert [event.text for event in halves.joined(["a\udcc3"])] == ["a"]
    assert [event.text for event in halves.joined(["\udca9\udcc3"])] == ["é"]
    assert "".join(event.text for event in halves.joined([StreamEvent(text="b")])) == "\ufffdb"
