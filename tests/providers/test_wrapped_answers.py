"""Answers that a gateway has wrapped in an object of its own are read, on every wire."""

import json
from typing import Any

import httpx
import pytest

from ranvier.errors import InvalidResponseError, RateLimitError
from support.providers.five_wires import WIRES, as_lines, as_sse
from support.providers.seven import collected

each_wire = pytest.mark.parametrize("name", WIRES)
CALLS = (("a", "look", {"at": "it"}),)
BESIDE: dict[str, Any] = {
    "Cloudflare": {"success": True, "errors": [], "messages": []},
    "a gateway": {"code": 200, "msg": "success", "message": "ok"},
    "OpenRouter": {"id": None, "choices": None, "model": None, "error": None},
}


@each_wire
@pytest.mark.parametrize("field", ["data", "response", "result", "provider"])
@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
async def test_a_whole_answer_in_a_field_is_read(
    ask: Any, streamed: Any, name: str, field: str, beside: Any
) -> None:
    """Whether it was asked for whole or streamed, and whatever the gateway writes beside it."""
    wire = WIRES[name]
    body = {**beside, field: wire.whole("hello", CALLS, usage=wire.counts(7, 2))}
    async with ask(wire.kind, httpx.Response(200, json=body)) as server:
        answers = [await server.complete(model="m")]
    async with ask(wire.kind, streamed(json.dumps(body).encode())) as server:
        answers.append(collected(await server.stream(model="m")))
    for answer in answers:
        assert (answer.text, answer.tool_calls[0].arguments) == ("hello", {"at": "it"})
        assert (answer.usage.input, answer.usage.output) == (7, 2)


@each_wire
async def test_a_stream_whose_pieces_are_wrapped_is_read(ask: Any, streamed: Any, name: str) -> None:
    """As Google's code assistant sends it: each piece in a `response`, on the wire's form or as events."""
    wire = WIRES[name]
    pieces = [{"response": piece, "traceId": "t"} for piece in wire.pieces("hello", CALLS)]
    for content in (as_sse(pieces), as_lines(pieces)):
        for step in (5, len(content)):
            chunks = [content[place : place + step] for place in range(0, len(content), step)]
            async with ask(wire.kind, streamed(*chunks)) as server:
                answer = collected(await server.stream(model="m"))
            assert (answer.text, answer.tool_calls[0].arguments) == ("hello", {"at": "it"})


@each_wire
async def test_an_error_in_a_field_is_that_error(ask: Any, streamed: Any, name: str) -> None:
    """Whole, in the first piece of a stream, and after some words."""
    wire = WIRES[name]
    failed = {"data": {"error": {"message": "slow down", "code": 429}}}
    async with ask(wire.kind, httpx.Response(200, json=failed)) as server:
        with pytest.raises(RateLimitError, match="slow down"):
            await server.complete(model="m")
    begun = [{"data": piece} for piece in wire.pieces("hello")[:1]]
    for pieces in ([failed], [*begun, failed]):
        async with ask(wire.kind, streamed(as_sse(pieces))) as server:
            with pytest.raises(RateLimitError, match="slow down"):
                await server.stream(model="m")


@each_wire
@pytest.mark.parametrize(
    "body",
    [
        {"data": {"x": 1}},
        {"data": []},
        {"result": "hello"},
        {"data": {"data": {"choices": []}}},
        {"data": None},
    ],
    ids=repr,
)
async def test_what_holds_no_answer_is_an_invalid_response(ask: Any, name: str, body: Any) -> None:
    """It is looked for one level deep."""
    async with ask(WIRES[name].kind, httpx.Response(200, json=body)) as server:
        with pytest.raises(InvalidResponseError):
            await server.complete(model="m")
