"""The Responses API where a server sends only some of its events: nothing is lost, nothing comes twice."""

from typing import Any

import httpx
import pytest

from ranvier.errors import ContentFilterError, InvalidResponseError, RateLimitError
from support.providers.five_wires import as_sse
from support.providers.openai_apis import Responses
from support.providers.seven import collected

CREATED = {"type": "response.created", "response": {"id": "r1", "model": "m", "status": "in_progress"}}
PLACE = {"output_index": 0}


def completed(*output: Any, kind: str = "response.completed", **more: Any) -> dict[str, Any]:
    """The last event."""
    return {"type": kind, "response": {"id": "r1", "status": "completed", "output": list(output), **more}}


def call(arguments: Any) -> dict[str, Any]:
    """A call of a tool."""
    return {"type": "function_call", "call_id": "c1", "name": "look", "arguments": arguments}


def added(item: Any) -> dict[str, Any]:
    """The event that begins an item."""
    return {"type": "response.output_item.added", **PLACE, "item": item}


ARGUMENTS_DONE = {"type": "response.function_call_arguments.done", **PLACE, "arguments": '{"at":"it"}'}
TEXT_DONE = {"type": "response.output_text.done", **PLACE, "text": "hello"}
PART_DONE = {"type": "response.content_part.done", **PLACE, "part": {"type": "output_text", "text": "hello"}}


async def test_pieces_may_name_their_item_instead_of_its_place(ask: Any, streamed: Any) -> None:
    """They belong to the item that has begun, and do not come twice."""
    item = {"type": "message", "id": "m1", "role": "assistant", "content": []}
    whole = {**item, "content": [{"type": "output_text", "text": "hello"}]}
    piece = {"type": "response.output_text.delta", "item_id": "m1", "delta": "hello"}
    done = {"type": "response.output_item.done", **PLACE, "item": whole}
    events = [CREATED, added(item), piece, done, completed(whole)]
    async with ask(Responses, streamed(as_sse(events))) as server:
        assert collected(await server.stream()).text == "hello"


@pytest.mark.parametrize(
    "whole", [call('{"at":"it"}'), call(""), None], ids=["told again", "empty", "missing"]
)
async def test_arguments_without_pieces_are_kept(ask: Any, streamed: Any, whole: Any) -> None:
    """They stand in the event that ends them, whatever the end of the item repeats."""
    ends = [{"type": "response.output_item.done", **PLACE, "item": whole}] if whole else []
    events = [CREATED, added(call("")), ARGUMENTS_DONE, *ends, completed()]
    async with ask(Responses, streamed(as_sse(events))) as server:
        (asked,) = collected(await server.stream()).tool_calls
    assert asked.arguments == {"at": "it"}


@pytest.mark.parametrize("whole", ['{ "at": "it" }', {"at": "it"}], ids=["other spaces", "an object"])
async def test_arguments_that_are_written_anew_are_the_same(ask: Any, streamed: Any, whole: Any) -> None:
    """Gateways parse them, and write them in their own way at the end."""
    piece = {"type": "response.function_call_arguments.delta", **PLACE, "delta": '{"at":"it"}'}
    done = {"type": "response.output_item.done", **PLACE, "item": call(whole)}
    async with ask(
        Responses, streamed(as_sse([CREATED, added(call("")), piece, done, completed()]))
    ) as server:
        (asked,) = collected(await server.stream()).tool_calls
    assert asked.arguments == {"at": "it"}


async def test_other_arguments_than_the_pieces_are_an_error(ask: Any, streamed: Any) -> None:
    """A piece was lost then."""
    piece = {"type": "response.function_call_arguments.delta", **PLACE, "delta": '{"at":"that"}'}
    done = {"type": "response.output_item.done", **PLACE, "item": call('{"at":"it"}')}
    async with ask(
        Responses, streamed(as_sse([CREATED, added(call("")), piece, done, completed()]))
    ) as server:
        with pytest.raises(InvalidResponseError, match="lost"):
            await server.stream()


@pytest.mark.parametrize(
    "ends", [(TEXT_DONE,), (PART_DONE,), (TEXT_DONE, PART_DONE)], ids=["text", "part", "both"]
)
@pytest.mark.parametrize("pieces", [0, 2])
async def test_a_text_without_pieces_is_kept(ask: Any, streamed: Any, ends: Any, pieces: int) -> None:
    """It stands in the events that end it, which add nothing to pieces that have come."""
    came = [{"type": "response.output_text.delta", **PLACE, "delta": each} for each in ("hel", "lo")[:pieces]]
    async with ask(Responses, streamed(as_sse([CREATED, *came, *ends, completed()]))) as server:
        assert collected(await server.stream()).text == "hello"


async def test_parts_of_type_text_are_text(ask: Any) -> None:
    """As some servers call them."""
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "hello"}]}
    body = {"object": "response", "status": "completed", "output": [message]}
    async with ask(Responses, httpx.Response(200, json=body)) as server:
        assert (await server.complete()).text == "hello"


EMPTY = {"type": "message", "role": "assistant", "content": []}
THOUGHT = {"type": "reasoning", "id": "rs1", "summary": [{"type": "summary_text", "text": "hm"}]}


@pytest.mark.parametrize(
    "output", [None, [], [EMPTY], [THOUGHT]], ids=["none", "empty", "without text", "thought"]
)
async def test_words_beside_the_items_are_the_answer(ask: Any, streamed: Any, output: Any) -> None:
    """Where no item has any: whole, and at the end of a stream."""
    body = {"object": "response", "status": "completed", "output": output, "output_text": "hello"}
    async with ask(Responses, httpx.Response(200, json=body)) as server:
        whole = await server.complete()
    end = {"type": "response.completed", "response": body}
    async with ask(Responses, streamed(as_sse([CREATED, end]))) as server:
        pieces = collected(await server.stream())
    assert (whole.text, pieces.text) == ("hello", "hello")
    assert whole.reasoning == pieces.reasoning == ("hm" if output == [THOUGHT] else "")


async def test_words_beside_the_items_are_not_told_twice(ask: Any, streamed: Any) -> None:
    """SDKs write them beside the items that hold them."""
    message = {**EMPTY, "content": [{"type": "output_text", "text": "hello"}]}
    asked = {"object": "response", "status": "completed", "output_text": "hello"}
    for output in ([message], [message, call("{}")]):
        async with ask(Responses, httpx.Response(200, json={**asked, "output": output})) as server:
            assert (await server.complete()).text == "hello"
    piece = {"type": "response.output_text.delta", **PLACE, "delta": "hello"}
    end = {"type": "response.completed", "response": {**asked, "output": []}}
    async with ask(Responses, streamed(as_sse([CREATED, piece, end]))) as server:
        assert collected(await server.stream()).text == "hello"


REFUSAL_DONE = {"type": "response.refusal.done", **PLACE, "refusal": "no"}
REFUSED_PART = {"type": "response.content_part.done", **PLACE, "part": {"type": "refusal", "refusal": "no"}}


@pytest.mark.parametrize(
    "ends", [(REFUSAL_DONE,), (REFUSED_PART,), (REFUSAL_DONE, REFUSED_PART)], ids=["refusal", "part", "both"]
)
@pytest.mark.parametrize("pieces", [0, 1])
async def test_a_refusal_without_pieces_is_a_refusal(ask: Any, streamed: Any, ends: Any, pieces: int) -> None:
    """And no empty answer; it is told once."""
    came = [{"type": "response.refusal.delta", **PLACE, "delta": "no"}][:pieces]
    async with ask(Responses, streamed(as_sse([CREATED, *came, *ends, completed()]))) as server:
        with pytest.raises(ContentFilterError, match=r"filter: no$"):
            await server.stream()


async def test_a_refusal_without_a_type_is_a_refusal(ask: Any) -> None:
    """Like text without one."""
    body = {"status": "completed", "output": [{"type": "message", "content": [{"refusal": "no"}]}]}
    async with ask(Responses, httpx.Response(200, json=body)) as server:
        with pytest.raises(ContentFilterError, match=r"filter: no$"):
            await server.complete()


async def test_items_at_the_same_place_are_different_items(ask: Any, streamed: Any) -> None:
    """Some servers count none of them; their ids differ."""
    events: list[Any] = [CREATED]
    for key in "ab":
        item = {**call(""), "id": f"fc_{key}", "call_id": key}
        arguments = f'{{"at":"{key}"}}'
        events += [
            added(item),
            added(item),  # proxies repeat it
            {
                "type": "response.function_call_arguments.delta",
                **PLACE,
                "item_id": item["id"],
                "delta": arguments,
            },
            {"type": "response.output_item.done", **PLACE, "item": {**item, "arguments": arguments}},
        ]
    async with ask(Responses, streamed(as_sse([*events, added(item), completed()]))) as server:
        calls = collected(await server.stream()).tool_calls
    assert [(each.id, each.arguments) for each in calls] == [("a", {"at": "a"}), ("b", {"at": "b"})]


HELLO = [{"type": "output_text", "text": "hello"}]


@pytest.mark.parametrize(
    "item",
    [
        {"role": "assistant", "content": HELLO},
        {"type": "message", "content": [{"text": "hello"}]},
        {"type": "message", "content": "hello"},
    ],
    ids=["an item without a type", "a part without a type", "a text"],
)
async def test_a_message_that_says_less_is_read(ask: Any, streamed: Any, item: Any) -> None:
    """Whole, and where a stream has only its end."""
    body = {"object": "response", "status": "completed", "output": [item]}
    async with ask(Responses, httpx.Response(200, json=body)) as server:
        assert (await server.complete()).text == "hello"
    for events in (
        [CREATED, completed(item)],
        [CREATED, {"type": "response.output_item.done", **PLACE, "item": item}, completed(item)],
    ):
        async with ask(Responses, streamed(as_sse(events))) as server:
            assert collected(await server.stream()).text == "hello"


async def test_response_done_ends_a_response(ask: Any, streamed: Any) -> None:
    """Its response has the status."""
    piece = {"type": "response.output_text.delta", **PLACE, "delta": "hello"}
    events = [CREATED, piece, completed(kind="response.done", usage={"input_tokens": 1, "output_tokens": 2})]
    async with ask(Responses, streamed(as_sse(events))) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.usage.output) == ("hello", 2)


async def test_an_error_of_nulls_is_none(ask: Any) -> None:
    """Gateways write all fields of an object that is null."""
    message = {"type": "message", "content": [{"type": "output_text", "text": "hello"}]}
    error = {"code": None, "message": None}
    body = {"object": "response", "status": "completed", "error": error, "output": [message]}
    async with ask(Responses, httpx.Response(200, json=body)) as server:
        assert (await server.complete()).text == "hello"


async def test_an_error_event_of_a_gateway_is_an_error(ask: Any, streamed: Any) -> None:
    """Under another name, with its fields at the top."""
    event = {"type": "response.error", "code": "rate_limit_exceeded", "message": "slow down"}
    async with ask(Responses, streamed(as_sse([CREATED, event]))) as server:
        with pytest.raises(RateLimitError):
            await server.stream()
