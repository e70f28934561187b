"""A server that answers in the other form than it was asked for is understood, on every wire."""

import json
from typing import Any

import httpx
import pytest

from ranvier.errors import InvalidResponseError, RateLimitError, ServerError
from ranvier.messages import FinishReason, Response
from support.providers.five_wires import WIRES, as_lines, as_sse
from support.providers.openai_apis import Chat
from support.providers.seven import collected

each_wire = pytest.mark.parametrize("name", WIRES)
USAGE = 11, 3
CALLS = (("a", "look", {"at": "it"}),)
JSON = {"content-type": "application/json"}


async def whole(ask: Any, name: str, content: bytes) -> Response:
    """The answer to a whole request, of a server that sends that body."""
    async with ask(WIRES[name].kind, httpx.Response(200, content=content, headers=JSON)) as server:
        answer: Response = await server.complete(model="m")
    return answer


async def stream(ask: Any, streamed: Any, name: str, content: bytes, step: int = 7) -> Response:
    """The answer to a streaming request, where the body comes in small chunks."""
    chunks = [content[place : place + step] for place in range(0, len(content), step)]
    async with ask(WIRES[name].kind, streamed(*chunks)) as server:
        return collected(await server.stream(model="m"), name)


def assert_said(answer: Response) -> None:
    """It is the answer with words, a call and usage."""
    assert answer.text == 'hel"lo } {'
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("look", {"at": "it"})]
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    assert (answer.usage.input, answer.usage.output, answer.usage.complete) == (11, 3, True)
    assert answer.model == "m" or answer.provider == "converse"  # which names no model


BEGUN = {"anthropic": 3, "responses": 3, "converse": 2}
"""How many pieces have come with the first words."""

GIVEN = ('hel"lo } {', CALLS)


# --- what is sent --------------------------------------------------------------------------------


@each_wire
async def test_every_request_says_whether_it_streams(ask: Any, name: str) -> None:
    """Gateways stream unless they are told not to; at Gemini the path tells."""
    async with ask(WIRES[name].kind, httpx.Response(200, json={})) as server:
        asked = [(await server.sent(streamed=way, model="m")).get("stream") for way in (False, True)]
    assert asked == ([None, None] if name in ("gemini", "converse") else [False, True])


# --- a stream in reply to a whole request --------------------------------------------------------


@each_wire
@pytest.mark.parametrize("written", ["as usual", "as events", "as lines", "as an array", "one by one"])
async def test_a_stream_in_reply_to_a_whole_request_is_read(ask: Any, name: str, written: str) -> None:
    """As the wire streams, and in whatever other form a gateway may give to its pieces."""
    wire = WIRES[name]
    pieces = wire.pieces(*GIVEN, usage=wire.counts(*USAGE))
    content = {
        "as usual": wire.written(pieces),
        "as events": as_sse(pieces),
        "as lines": as_lines(pieces),
        "as an array": json.dumps(pieces).encode(),
        "one by one": "\n\n".join(json.dumps(each, indent=1) for each in pieces).encode(),
    }[written]
    answer = await whole(ask, name, content)
    assert_said(answer)
    assert answer.provider == name


@each_wire
@pytest.mark.parametrize("end", [b"\n\ndata: [DONE]\n\n", b"\r\n", b"\n\n: bye\n\n"])
async def test_a_whole_answer_may_be_followed_by_the_end_of_a_stream(ask: Any, name: str, end: bytes) -> None:
    """Or stand in the one event of a stream."""
    wire = WIRES[name]
    content = json.dumps(wire.whole(*GIVEN, usage=wire.counts(*USAGE))).encode()
    assert_said(await whole(ask, name, content + end))
    assert_said(await whole(ask, name, b"data: " + content + end))


@each_wire
async def test_a_cut_stream_in_reply_to_a_whole_request_is_no_answer(ask: Any, name: str) -> None:
    """As it would not be where a stream was asked for."""
    wire = WIRES[name]
    for content in (
        wire.written(wire.pieces("hello")[: -2 if name in ("anthropic", "converse") else -1]),
        wire.written(wire.pieces("hello"))[:-60] if name == "ollama" else b'data: {"a',
    ):
        with pytest.raises(InvalidResponseError) as caught:
            await whole(ask, name, content)
        assert caught.value.retryable


# --- a whole answer in reply to a streaming request ----------------------------------------------


@each_wire
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_a_whole_answer_in_reply_to_a_streaming_request_is_read(
    ask: Any, streamed: Any, name: str, indent: int | None, step: int
) -> None:
    """On one line or on many, alone in a list or not, however it is cut into chunks."""
    wire = WIRES[name]
    body = wire.whole(*GIVEN, usage=wire.counts(*USAGE))
    for value in (body, [body]):
        content = b"\xef\xbb\xbf \n" + json.dumps(value, indent=indent).encode() + b"\n"
        assert_said(await stream(ask, streamed, name, content, step))


@each_wire
async def test_a_whole_answer_as_one_event_is_read(ask: Any, streamed: Any, name: str) -> None:
    """Named or not, with and without the marker of the end."""
    wire = WIRES[name]
    content = json.dumps(wire.whole(*GIVEN, usage=wire.counts(*USAGE))).encode()
    for body in (b"data: " + content + b"\n\n", b": hi\n\ndata: " + content + b"\n\ndata: [DONE]\n\n"):
        assert_said(await stream(ask, streamed, name, body))


@each_wire
@pytest.mark.parametrize("indent", [None, 1])
async def test_an_array_of_chunks_is_read_chunk_by_chunk(
    ask: Any, streamed: Any, name: str, indent: int | None
) -> None:
    """As Gemini sends it where a proxy has lost `alt=sse`: each chunk is told when it is there."""
    wire = WIRES[name]
    pieces = wire.pieces(*GIVEN, usage=wire.counts(*USAGE))
    content = json.dumps(pieces, indent=indent).encode()
    assert_said(await stream(ask, streamed, name, content))
    first = json.dumps(pieces[: BEGUN.get(name, 1)]).encode()[:-1]
    async with ask(wire.kind, streamed(first, httpx.ReadError("broken"))) as server:
        events = server.provider.stream(server.call(model="m"))
        async for event in events:
            if event.has_content:
                break
        else:
            raise AssertionError("nothing was told before the end")
        await events.aclose()


@each_wire
async def test_events_where_lines_belong_and_lines_where_events_do_are_read(
    ask: Any, streamed: Any, name: str
) -> None:
    """A proxy may write the chunks of any wire in the other form."""
    wire = WIRES[name]
    pieces = wire.pieces(*GIVEN, usage=wire.counts(*USAGE))
    assert_said(await stream(ask, streamed, name, as_sse(pieces)))
    assert_said(await stream(ask, streamed, name, as_lines(pieces)))


# --- errors --------------------------------------------------------------------------------------

LIMITED = {"type": "error", "error": {"type": "rate_limit_error", "code": 429, "message": "Slow down"}}


@each_wire
async def test_an_error_in_the_other_form_is_that_error(ask: Any, streamed: Any, name: str) -> None:
    """In a stream where a whole answer belongs, and pretty-printed where a stream does."""
    for content in (as_sse([LIMITED]), b"event: error\n" + as_sse([LIMITED]), as_lines([LIMITED, LIMITED])):
        with pytest.raises(RateLimitError, match="Slow down"):
            await whole(ask, name, content)
    for content in (
        json.dumps(LIMITED, indent=2).encode(),
        json.dumps([LIMITED]).encode(),
        as_sse([LIMITED]),
    ):
        with pytest.raises(RateLimitError, match="Slow down"):
            await stream(ask, streamed, name, content)


@each_wire
async def test_an_error_after_the_first_words_is_that_error_too(ask: Any, name: str) -> None:
    """Of a stream where a whole answer belongs, half an answer is none."""
    failed = {"type": "error", "error": {"type": "api_error", "code": 500, "message": "Out of order"}}
    content = as_sse([*WIRES[name].pieces("hello")[: BEGUN.get(name, 1)], failed])
    with pytest.raises(ServerError, match="Out of order") as caught:
        await whole(ask, name, content)
    assert caught.value.in_stream


@each_wire
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"{",
        b"[",
        b"[1, 2]",
        b'{"a": ',
        b"[{}",
        b"data: ",
        b": ping\n\n",
        b"words",
        b"<p>x</p>",
        b'"x"',
    ],
)
async def test_what_is_no_answer_in_any_form_is_an_invalid_response(
    ask: Any, streamed: Any, name: str, content: bytes
) -> None:
    """Whatever was asked for, in however many chunks it comes."""
    with pytest.raises(InvalidResponseError):
        await whole(ask, name, content)
    for step in (1, 100):
        with pytest.raises(InvalidResponseError):
            await stream(ask, streamed, name, content, step)


async def test_an_answer_in_the_form_of_completions_without_a_chat_is_read(ask: Any, streamed: Any) -> None:
    """Its words stand in the choice itself, whole and in pieces."""
    whole = {"choices": [{"text": "42", "index": 0, "finish_reason": "stop"}]}
    async with ask(Chat, httpx.Response(200, json=whole)) as server:
        assert (await server.complete()).text == "42"
    pieces = [{"choices": [{"text": each, "index": 0, "finish_reason": None}]} for each in "42"]
    last = {"choices": [{"text": "", "index": 0, "finish_reason": "stop"}]}
    chunks = [b"data: " + json.dumps(each).encode() + b"\n\n" for each in (*pieces, last)]
    async with ask(Chat, streamed(*chunks, b"data: [DONE]\n\n")) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.finish_reason) == ("42", FinishReason.STOP)
