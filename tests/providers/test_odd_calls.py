"""Tool calls that servers write oddly: none is lost, none is invented, on every wire."""

import json
from typing import Any

import httpx
import pytest

from ranvier.errors import ConnectionFailedError, InvalidResponseError
from ranvier.messages import FinishReason, Response
from ranvier.providers import Anthropic
from ranvier.providers.chat_completions.fragments import CallsInFlight
from support.providers.five_wires import WIRES, as_chat, as_sse, chat_chunk
from support.providers.openai_apis import Chat
from support.providers.seven import collected

each_wire = pytest.mark.parametrize("name", WIRES)


async def answers(ask: Any, name: str, *given: Any) -> list[Response]:
    """The answer with these words and calls, whole and streamed."""
    wire = WIRES[name]
    async with ask(wire.kind, httpx.Response(200, json=wire.whole(*given))) as server:
        whole = await server.complete(model="m")
    async with ask(wire.kind, httpx.Response(200, content=wire.stream(*given))) as server:
        return [whole, collected(await server.stream(model="m"))]


def told(answer: Response) -> list[tuple[str, Any]]:
    """The calls of an answer: names and arguments, or the text of those that are no JSON."""
    return [
        (call.name, call.arguments if call.invalid is None else call.invalid) for call in answer.tool_calls
    ]


# --- calls without a name ------------------------------------------------------------------------


@each_wire
@pytest.mark.parametrize("nameless", ["", "  ", None])
async def test_a_call_without_a_name_does_not_exist(ask: Any, name: str, nameless: Any) -> None:
    """The calls beside it stay, and so do the words."""
    calls = (("a", nameless, {"x": 1}), ("b", "look", {"at": "it"}))
    for answer in await answers(ask, name, "Well.", calls):
        assert (answer.text, told(answer)) == ("Well.", [("look", {"at": "it"})])
        assert answer.finish_reason is FinishReason.TOOL_CALLS


@each_wire
@pytest.mark.parametrize("words", ["", "Well."])
async def test_an_answer_that_calls_only_what_has_no_name_calls_nothing(
    ask: Any, name: str, words: str
) -> None:
    """If its finish reason promises a call, that one is missing."""
    if name not in ("responses", "gemini", "ollama"):  # whose finish reasons promise none
        with pytest.raises(InvalidResponseError, match="a tool call is missing"):
            await answers(ask, name, words, (("a", "", {}),))
        return
    for answer in await answers(ask, name, words, (("a", "", {}),)):
        assert (answer.text, answer.tool_calls) == (words, ())
        assert answer.finish_reason is FinishReason.STOP


# --- arguments -----------------------------------------------------------------------------------

ODD_ARGUMENTS: dict[str, Any] = {
    "an object": {"at": "it"},
    "a text": '{"at": "it"}',
    "a text in a text": json.dumps('{"at": "it"}'),
    "an empty object before it": '{}{"at": "it"}',
    "a trailing tag": '{"at": "it"}\n</tool_call>',
    "a byte order mark": '\ufeff{"at": "it"}',
}


@each_wire
@pytest.mark.parametrize("arguments", ODD_ARGUMENTS.values(), ids=ODD_ARGUMENTS)
async def test_arguments_are_read_in_whatever_type_they_come(ask: Any, name: str, arguments: Any) -> None:
    """As an object or as its text, which may nearly be JSON."""
    for answer in await answers(ask, name, "", (("a", "look", arguments),)):
        assert told(answer) == [("look", {"at": "it"})]


@each_wire
@pytest.mark.parametrize("nothing", [None, {}, [], "", "{}", "[]", "null"], ids=repr)
async def test_arguments_that_hold_nothing_are_none(ask: Any, name: str, nothing: Any) -> None:
    """Also as the list that PHP makes of an empty object."""
    for answer in await answers(ask, name, "", (("a", "look", nothing),)):
        assert told(answer) == [("look", {})]


@each_wire
@pytest.mark.parametrize("arguments", ['{"at": "i', "look there", '{"at": 1} {"at": 2}'])
async def test_arguments_that_are_no_object_are_kept_as_they_are(ask: Any, name: str, arguments: str) -> None:
    """The call is there, whichever wire it came over: a limit may have cut it off."""
    for answer in await answers(ask, name, "", (("a", "look", arguments),)):
        assert told(answer) == [("look", arguments)]


@pytest.mark.parametrize("ending", ["message_stop", "stop_reason", "another block"])
@pytest.mark.parametrize("index", [0, "0"], ids=["a number", "a text"])
async def test_input_at_the_start_of_a_block_without_an_end_is_kept(
    ask: Any, streamed: Any, ending: str, index: Any
) -> None:
    """Gateways of Anthropic's wire leave the end of a block out, or give all blocks one index."""

    def start(given: str, name: str, arguments: Any) -> dict[str, Any]:
        block = {"type": "tool_use", "id": given, "name": name, "input": arguments}
        return {"type": "content_block_start", "index": index, "content_block": block}

    events = [
        {"type": "message_start", "message": {}},
        start("x", "f", {"a": 1}),
        *([start("y", "g", {"b": 2})] if ending == "another block" else []),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        *([{"type": "message_stop"}] if ending == "message_stop" else []),
    ]
    async with ask(Anthropic, streamed(as_sse(events))) as server:
        answer = collected(await server.stream())
    assert told(answer) == ([F, G] if ending == "another block" else [F])
    assert answer.finish_reason is FinishReason.TOOL_CALLS


async def test_input_that_is_no_object_is_no_answer_however_the_stream_ends(ask: Any, streamed: Any) -> None:
    """Also where the block has no end, and the connection breaks after the stop reason."""
    block = {"type": "tool_use", "id": "x", "name": "f", "input": 7}
    events = [
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    ]
    for broken in ((), (ConnectionFailedError("reset", provider="x"),)):
        async with ask(Anthropic, streamed(as_sse(events), *broken)) as server:
            with pytest.raises(InvalidResponseError):
                await server.stream()


# --- fragments of chat completions ---------------------------------------------------------------


def part(index: Any, given: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """A fragment of a tool call; what is `...` is left out."""
    function = {"name": name, "arguments": arguments}
    fragment = {"index": index, "id": given, "function": {k: v for k, v in function.items() if v is not ...}}
    return {k: v for k, v in fragment.items() if v is not ...}


F, G = ("f", {"a": 1}), ("g", {"b": 2})
BOTH_F = [("f", {"a": 1}), ("f", {"b": 2})]
A, B = '{"a": 1}', '{"b": 2}'

FRAGMENTS: dict[str, tuple[list[dict[str, Any]], list[Any]]] = {
    "one index, empty ids, whole": ([part(0, "", "f", A), part(0, "", "g", B)], [F, G]),
    "one index, no ids, the same tool": ([part(0, ..., "f", A), part(0, ..., "f", B)], BOTH_F),
    "one index, empty ids, in pieces": (
        [part(0, "", "f", ""), part(0, "", ..., A[:4]), part(0, "", ..., A[4:]),
         part(0, "", "f", ""), part(0, "", ..., B[:3]), part(0, "", ..., B[3:])],
        BOTH_F,
    ),
    "one index, the first without arguments": ([part(0, "", "f", ""), part(0, "", "g", B)], [("f", {}), G]),
    "one index, other ids, told apart by them later": (
        [part(0, "x", "f", ""), part(0, "y", "g", ""), part(0, "x", ..., A), part(0, "y", ..., B)],
        [F, G],
    ),
    "one index and one id for all calls": ([part(0, "x", "f", A), part(0, "x", "f", B)], BOTH_F),
    "one id, two indexes": (
        [part(0, "x", "f", A[:4]), part(1, "x", "g", B), part(0, "x", ..., A[4:])],
        [F, G],
    ),
    "indexes that are texts": (
        [part("0", "x", "f", ""), part("1", "y", "g", ""), part("0", ..., ..., A), part("1", ..., ..., B)],
        [F, G],
    ),
    "indexes that are fractions": (
        [part(0.0, "x", "f", ""), part(1.0, "y", "g", ""), part(0.0, ..., ..., A), part(1.0, ..., ..., B)],
        [F, G],
    ),
    "another id in every fragment": ([part(0, "x", "f", A[:4]), part(0, "y", ..., A[4:])], [F]),
    "another id and the name in every fragment": (
        [part(0, "x", "f", A[:4]), part(0, "y", "f", A[4:]), part(0, "z", "f", B)],
        BOTH_F,
    ),
    "no index, no ids": ([part(..., ..., "f", A), part(..., ..., "f", B)], BOTH_F),
    "the name in every fragment": ([part(0, "x", "f", A[:4]), part(0, "x", "f", A[4:])], [F]),
    "the name in every fragment, no ids": ([part(0, "", "f", A[:4]), part(0, "", "f", A[4:])], [F]),
    "an end that repeats the name": ([part(0, "", "f", A), part(0, "", "f", "")], [F]),
    "the whole call once more": ([part(0, "x", "f", A), part(0, "x", "f", A)], [F]),
    "the whole call in every fragment": ([part(0, "x", "f", A)] * 4, [F]),
    "all calls once more at the end": (
        [part(0, "x", "f", A), part(0, "y", "g", B), part(0, "x", "f", A), part(0, "y", "g", B)],
        [F, G],
    ),
    "a name that comes late": ([part(0, "x", "", A[:4]), part(0, ..., "f", A[4:])], [F]),
    "an id that comes late": ([part(0, "", "f", A[:4]), part(0, "x", "f", A[4:])], [F]),
    "an empty object at the start": ([part(0, "x", "f", {}), part(0, ..., ..., A)], [F]),
    "its text at the start": ([part(0, "x", "f", "{}"), part(0, ..., ..., A)], [F]),
    "all at the start, then nothing": ([part(0, "x", "f", {"a": 1}), part(0, ..., ..., "")], [F]),
    "no name at all": ([part(0, "x", "", A), part(1, "y", "g", B), part(0, "x", None, "")], [G]),
    "braces in a string, cut at the escape": (
        [part(0, "", "f", '{"a": "}\\'), part(0, "", "f", '"}{"'), part(0, "", "f", "}")],
        [("f", {"a": '}"}{'})],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fragments", "calls"), FRAGMENTS.values(), ids=FRAGMENTS)
async def test_fragments_are_put_together_by_what_tells_calls_apart(
    ask: Any, fragments: list[dict[str, Any]], calls: list[Any]
) -> None:
    """Parallel calls with one index, one id or none stay two; pieces of one call stay one."""
    chunks = [chat_chunk({"tool_calls": [each]}) for each in fragments]
    content = as_chat([*chunks, chat_chunk({}, "tool_calls")])
    async with ask(Chat, httpx.Response(200, content=content)) as server:
        events = [each.tool_call for each in await server.stream(model="m") if each.tool_call is not None]
        answer = collected(await server.stream(model="m"))
    assert told(answer) == calls
    begun = [each.index for each in events if each.name is not None]
    assert begun == list(range(len(calls)))
    assert all(each.id for each in events if each.name is not None)


def test_a_server_that_repeats_the_name_is_read_in_linear_time() -> None:
    """Each character of the arguments is looked at once, whatever they look like."""
    calls = CallsInFlight()
    calls.fragment(part(0, "", "f", '{"a": "'))
    for _ in range(30_000):
        assert calls.fragment(part(0, "", "f", "{}{}")) is not None
    delta = calls.fragment(part(0, "", "f", '"}'))
    assert (delta and delta.index, delta and delta.name) == (0, None)


# --- blocks of Anthropic's wire ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use"])
@pytest.mark.parametrize("pieces", [[], [""], ["", " "]], ids=len)
@pytest.mark.parametrize("ends", [True, False])
async def test_input_given_at_the_start_of_a_block_stays(
    ask: Any, kind: str, pieces: list[str], ends: bool
) -> None:
    """An empty delta after it takes nothing away, nor does a block whose end is left out."""
    block = {"type": kind, "id": "t1", "name": "look", "input": {"at": "it"}}
    delta = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    events = [
        {"type": "message_start", "message": {"id": "m1", "model": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": each} for each in delta),
        *([{"type": "content_block_stop", "index": 0}] if ends else []),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use" if kind == "tool_use" else "pause_turn"},
            "usage": {"output_tokens": 1},
        },
        {"type": "message_stop"},
    ]
    async with ask(Anthropic, httpx.Response(200, content=as_sse(events))) as server:
        answer = collected(await server.stream())
    if kind == "tool_use":
        assert told(answer) == [("look", {"at": "it"})]
    else:
        assert [each.data["input"] for each in answer.parts] == [{"at": "it"}]  # type: ignore[union-attr]
