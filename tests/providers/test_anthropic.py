"""Anthropic's Messages API: what is sent, and what a message or its events mean."""

import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.errors import (
    ContentFilterError,
    InvalidResponseError,
    OverloadedError,
    RateLimitError,
    UnsupportedRequestError,
)
from ranvier.messages import (
    SIGN_OF_LIFE,
    FinishReason,
    Message,
    Native,
    Request,
    Response,
    Schema,
    StreamEvent,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from ranvier.messages.collector import Collector
from ranvier.providers import Anthropic
from ranvier.providers._reading.reading import NoAnswerError
from ranvier.providers.anthropic.answer import read_message
from ranvier.providers.anthropic.events import EventReader
from support.providers.shapes import anything, like

WEATHER = Tool("get_weather", "Weather by city", {"type": "object"})
NOTHING = httpx.Response(200, json={})
THINKING = {"type": "thinking", "thinking": "Let me see.", "signature": "EoQD"}


def asked(*messages: Message, **settings: Any) -> Request:
    """A request."""
    return Request(messages or (Message.user("Hi"),), **settings)


def event(kind: str, **fields: Any) -> bytes:
    """One event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    """The events of one block of the answer."""
    begin = event("content_block_start", index=index, content_block=start)
    steps = b"".join(event("content_block_delta", index=index, delta=delta) for delta in deltas)
    return begin + steps + event("content_block_stop", index=index)


def words(index: int, text: str) -> bytes:
    """A block of text."""
    return block(index, {"type": "text", "text": ""}, {"type": "text_delta", "text": text})


START = event(
    "message_start",
    message={"id": "msg_01", "model": "claude-x", "usage": {"input_tokens": 5, "output_tokens": 1}},
)


def end(reason: str = "end_turn", **usage: Any) -> bytes:
    """The events that end a message."""
    delta = event("message_delta", delta={"stop_reason": reason}, usage=usage or {"output_tokens": 9})
    return delta + event("message_stop")


def collected(events: list[StreamEvent]) -> Response:
    """What a stream adds up to."""
    collector = Collector()
    for each in events:
        collector.add(each)
    return collector.response("anthropic", "model")


# --- what is sent --------------------------------------------------------------------------------


async def test_a_request_is_written_in_the_words_of_the_wire(ask: Any) -> None:
    """Instructions stand at the top, and the limit that the API demands is always there."""
    request = asked(
        Message.system("Be kind."),
        Message.user("Weather?"),
        system="You are terse.",
        temperature=0.2,
        stop=("END",),
        tools=(WEATHER,),
        tool_choice="required",
    )
    async with ask(Anthropic, NOTHING) as server:
        sent = await server.sent(request, model="claude-sonnet-4-5")
    assert sent.pop("max_tokens") > 0
    assert sent == {
        "model": "claude-sonnet-4-5",
        "system": "You are terse.\n\nBe kind.",
        "messages": [{"role": "user", "content": "Weather?"}],
        "temperature": 0.2,
        "stop_sequences": ["END"],
        "tools": [
            {"name": "get_weather", "description": "Weather by city", "input_schema": {"type": "object"}}
        ],
        "tool_choice": {"type": "any"},
        "stream": False,
    }
    assert str(server.requests[0].url) == "https://api.anthropic.com/v1/messages"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("auto", {"type": "auto"}), ("none", {"type": "none"}), ("f", {"type": "tool", "name": "f"})],
)
async def test_a_tool_choice_is_an_object(ask: Any, choice: str, expected: dict[str, str]) -> None:
    """Each tool choice has its own form; none is sent without tools."""
    async with ask(Anthropic, NOTHING) as server:
        sent = await server.sent(asked(tools=(WEATHER,), tool_choice=choice), model="claude-sonnet-4-5")
        assert sent["tool_choice"] == expected
        assert "tool_choice" not in await server.sent(asked(tool_choice="auto"))


async def test_a_key_goes_in_one_header_alone(ask: Any) -> None:
    """API keys and OAuth tokens have each their own header; the version is always told."""
    async with ask(Anthropic, NOTHING) as server:
        for key in ("sk-ant-api03-x", "sk-ant-oat01-x"):
            await server.sent(key=key)
    first, second = (request.headers for request in server.requests)
    assert (first["x-api-key"], first["anthropic-version"]) == ("sk-ant-api03-x", "2023-06-01")
    assert second["authorization"] == "Bearer sk-ant-oat01-x"
    assert "authorization" not in first
    assert "x-api-key" not in second


async def test_the_history_is_written_turn_by_turn(ask: Any) -> None:
    """What a side says in a row is one message; results come first; ids fit; thinking goes back."""
    foreign = Native("openai", {"reasoning_content": "..."})
    history = (
        Message.user("Weather in Paris and Rome?"),
        Message(
            "assistant",
            (
                Native("anthropic", THINKING),
                foreign,
                Text("Let me look."),
                ToolCall("toolu_01", "get_weather", {"city": "Paris"}),
                ToolCall("functions.get_weather:1", "get_weather", {}, invalid='{"ci'),
            ),
        ),
        Message.tool("toolu_01", "Sunny"),
        Message("user", (Text("And?"), ToolResult("functions.get_weather:1", "No such city", is_error=True))),
        Message.user("Please."),
        Message("assistant", (Text(""), foreign)),
    )
    async with ask(Anthropic, NOTHING) as server:
        sent = (await server.sent(asked(*history), model="claude-3-haiku"))["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    thinking, text, first, second = sent[1]["content"]
    assert thinking == THINKING
    assert text == {"type": "text", "text": "Let me look."}
    assert first == {"type": "tool_use", "id": "toolu_01", "name": "get_weather", "input": {"city": "Paris"}}
    assert second["input"] == {}
    assert second["id"].replace("_", "").isalnum()
    assert sent[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_01", "content": "Sunny"},
        {"type": "tool_result", "tool_use_id": second["id"], "content": "No such city", "is_error": True},
        {"type": "text", "text": "And?"},
        {"type": "text", "text": "Please."},
    ]


async def test_an_answer_is_not_begun_for_a_model_that_refuses_it(ask: Any) -> None:
    """A last message of the assistant is not sent to a model that answers it with an error."""
    history = (Message.user("Count."), Message.assistant("1, 2,"))
    async with ask(Anthropic, NOTHING, name="anthropic-eu") as server:
        with pytest.raises(UnsupportedRequestError) as caught:
            await server.complete(asked(*history), model="claude-sonnet-5")
        assert caught.value.provider == "anthropic-eu"
        assert not server.requests
        sent = await server.sent(asked(*history), model="claude-3-haiku")
    assert sent["messages"][1] == {"role": "assistant", "content": "1, 2,"}


async def test_an_effort_and_a_schema_shape_the_output(ask: Any) -> None:
    """How hard to think and which form to keep stand together."""
    schema = {"type": "object", "additionalProperties": False}
    request = asked(schema=Schema(schema), extra={"reasoning_effort": "high"})
    async with ask(Anthropic, NOTHING) as server:
        sent = await server.sent(request, model="claude-sonnet-5", streamed=True)
    assert sent["output_config"] == {"effort": "high", "format": {"type": "json_schema", "schema": schema}}
    assert sent["stream"] is True


async def test_what_the_newest_models_refuse_is_left_out(ask: Any) -> None:
    """A temperature that would be an error is dropped, and listeners hear of it."""
    async with ask(Anthropic, NOTHING) as server:
        assert "temperature" not in await server.sent(asked(temperature=0.2), model="claude-sonnet-5")
        assert [heard.parameter for heard in server.heard] == ["temperature"]


# --- a whole answer ------------------------------------------------------------------------------


async def test_a_whole_answer_is_read(ask: Any) -> None:
    """Blocks keep their order; input counts what was cached; only we see what nobody else understands."""
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    body = {
        "id": "msg_01",
        "model": "claude-sonnet-5-2026",
        "content": [
            THINKING,
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "Let me look."},
            search,
            {"type": "tool_use", "id": "toolu_01", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 3,
            "cache_read_input_tokens": 5,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 4},
        },
    }
    async with ask(Anthropic, httpx.Response(200, json=body)) as server:
        answer = await server.complete()
    call = ToolCall("toolu_01", "f", {"a": 1})
    assert answer == Response(
        text="Let me look.",
        tool_calls=(call,),
        reasoning="Let me see.",
        finish_reason=FinishReason.TOOL_CALLS,
        raw_finish_reason="tool_use",
        usage=Usage(input=20, output=7, total=27, cache_read=5, cache_write=3, reasoning=4),
        model="claude-sonnet-5-2026",
        provider="anthropic",
        id="msg_01",
        parts=(
            Native("anthropic", THINKING),
            Native("anthropic", {"type": "redacted_thinking", "data": "x"}),
            Text("Let me look."),
            Native("anthropic", search),
            call,
        ),
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("refusal", FinishReason.CONTENT_FILTER),
        ("pause_turn", FinishReason.OTHER),
        ("something new", FinishReason.OTHER),
        (None, FinishReason.OTHER),
    ],
)
async def test_stop_reasons_are_told_in_our_words(ask: Any, raw: str | None, expected: FinishReason) -> None:
    """Every stop reason has a word of ours, and the raw one is kept."""
    body = {"content": [{"type": "text", "text": "x"}], "stop_reason": raw}
    async with ask(Anthropic, httpx.Response(200, json=body)) as server:
        answer = await server.complete()
    assert (answer.finish_reason, answer.raw_finish_reason) == (expected, raw)
    assert not answer.usage.complete


async def test_a_refusal_without_an_answer_is_a_content_filter_error(ask: Any, streamed: Any) -> None:
    """Refused on policy, whole or streamed: the explanation is told."""
    details = {"type": "refusal", "explanation": "cyber"}
    body = {"content": [], "stop_reason": "refusal", "stop_details": details}
    async with ask(Anthropic, httpx.Response(200, json=body)) as server:
        with pytest.raises(ContentFilterError, match="cyber"):
            await server.complete()
    delta = event("message_delta", delta={"stop_reason": "refusal", "stop_details": details}, usage=None)
    async with ask(Anthropic, streamed(START, delta, event("message_stop"))) as server:
        with pytest.raises(ContentFilterError, match="cyber") as caught:
            await server.stream()
    assert caught.value.in_stream


@pytest.mark.parametrize(
    "body",
    [{}, {"content": None}, {"content": {"text": "x"}}, {"content": [7]},
     {"content": [{"type": "text", "text": 7}]},
     {"content": [{"type": "tool_use", "name": "f", "input": 7}]},
     {"content": [], "stop_reason": 7}, {"choices": [{"message": {"content": "x"}}]}],
)  # fmt: skip
async def test_what_is_no_message_is_an_invalid_response(ask: Any, body: Any) -> None:
    """A body of another form is no answer."""
    async with ask(Anthropic, httpx.Response(200, json=body)) as server:
        with pytest.raises(InvalidResponseError):
            await server.complete()


async def test_an_error_inside_a_200_is_that_error(ask: Any) -> None:
    """An error that comes with status 200 is an error."""
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}}
    async with ask(Anthropic, httpx.Response(200, json=body)) as server:
        with pytest.raises(RateLimitError):
            await server.complete()


# --- a stream ------------------------------------------------------------------------------------


async def test_a_stream_adds_up_to_the_whole_answer(ask: Any, streamed: Any) -> None:
    """Thinking, text, tool calls and blocks that only we understand come out as in a whole answer."""
    reply = streamed(
        START,
        event("ping"),
        block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Let me"},
            {"type": "thinking_delta", "thinking": " see."},
            {"type": "signature_delta", "signature": "EoQD"},
        ),
        block(1, {"type": "redacted_thinking", "data": "x"}),
        words(2, "Let me look."),
        block(
            3,
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"query": '},
            {"type": "input_json_delta", "partial_json": '"x"}'},
        ),
        block(
            4,
            {"type": "tool_use", "id": "toolu_01", "name": "f", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"a":'},
            {"type": "input_json_delta", "partial_json": " 1}"},
        ),
        block(
            5,
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
        ),
        block(6, {"type": "tool_use", "id": "t3", "name": "h", "input": {"b": 2}}),
        event("something_new", index=9),
        end("tool_use", input_tokens=8, cache_read_input_tokens=2, output_tokens=9),
    )
    async with ask(Anthropic, reply) as server:
        events = await server.stream()
    calls = (ToolCall("toolu_01", "f", {"a": 1}), ToolCall("t2", "g", {}), ToolCall("t3", "h", {"b": 2}))
    answer = collected(events)
    assert answer.parts == (
        Native("anthropic", THINKING),
        Native("anthropic", {"type": "redacted_thinking", "data": "x"}),
        Text("Let me look."),
        Native(
            "anthropic", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
        ),
        *calls,
    )
    assert (answer.text, answer.reasoning, answer.tool_calls) == ("Let me look.", "Let me see.", calls)
    assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.TOOL_CALLS, "tool_use")
    assert (answer.id, answer.model) == ("msg_01", "claude-x")
    assert answer.usage == Usage(input=10, output=9, total=19, cache_read=2)
    assert events[-1].finish_reason
    assert SIGN_OF_LIFE in events


async def test_the_last_word_on_each_count_of_tokens_wins(ask: Any, streamed: Any) -> None:
    """Reports are merged, never added up; until the last one they are not complete."""
    reply = streamed(START, words(0, "Hi"), end("end_turn", input_tokens=None, output_tokens=9))
    async with ask(Anthropic, reply) as server:
        usages = [each.usage for each in await server.stream() if each.usage]
    assert usages == [Usage(input=5, output=1, total=6, complete=False), Usage(input=5, output=9, total=14)]


@pytest.mark.parametrize(
    "ending",
    [
        b"",
        event("message_delta", delta={"stop_reason": None}, usage={"output_tokens": 9}),
        event("message_delta", delta={"stop_reason": ""}, usage={"output_tokens": 9}),
        b"data: [DONE]\n\n",
        b'event: message_stop\ndata: {"type": "message_st',
    ],
)
async def test_a_stream_without_its_end_is_cut(ask: Any, streamed: Any, ending: bytes) -> None:
    """A message that gives no stop reason and has no `message_stop` is no answer."""
    async with ask(Anthropic, streamed(START, words(0, "Hi"), ending)) as server:
        with pytest.raises(InvalidResponseError) as caught:
            await server.stream()
    assert caught.value.in_stream


async def test_a_block_without_its_end_ends_where_the_next_one_begins(ask: Any, streamed: Any) -> None:
    """So that the thinking stays before the call that it led to, as the API wants it back."""
    start = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [
        {"type": "thinking_delta", "thinking": "Let me see."},
        {"type": "signature_delta", "signature": "EoQD"},
    ]
    use = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
    events = [
        event("message_start", message={"id": "m1"}),
        event("content_block_start", index=0, content_block=start),
        *(event("content_block_delta", index=0, delta=delta) for delta in deltas),
        event("content_block_start", index=1, content_block=use),
        event("message_delta", delta={"stop_reason": "tool_use"}),
        event("message_stop"),
    ]
    async with ask(Anthropic, streamed(*events)) as server:
        answer = collected(await server.stream())
    assert answer.parts == (Native("anthropic", THINKING), ToolCall("t1", "get_weather"))


async def test_a_block_without_a_type_is_text_if_it_has_some(ask: Any, streamed: Any) -> None:
    """Its first words stand where it begins."""
    text = block(0, {"text": "He"}, {"type": "text_delta", "text": "llo"})
    end = event("message_delta", delta={"stop_reason": "end_turn"}) + event("message_stop")
    async with ask(Anthropic, streamed(event("message_start", message={}), text, end)) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.parts) == ("Hello", (Text("Hello"),))


async def test_an_error_in_a_stream_is_that_error(ask: Any, streamed: Any) -> None:
    """An overload that comes after the words had begun is told as such."""
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    async with ask(Anthropic, streamed(START, words(0, "Hi"), error)) as server:
        with pytest.raises(OverloadedError) as caught:
            await server.stream()
    assert caught.value.in_stream


async def test_a_block_that_goes_on_before_it_began_is_no_answer(ask: Any, streamed: Any) -> None:
    """A fragment whose beginning is missing may have been part of a tool call."""
    lost = event("content_block_delta", index=3, delta={"type": "input_json_delta", "partial_json": "{"})
    async with ask(Anthropic, streamed(START, lost, end())) as server:
        with pytest.raises(InvalidResponseError):
            await server.stream()


texts = st.text(max_size=3)
kinds = st.sampled_from(["text", "thinking", "tool_use", "redacted_thinking", "other"])
blocks = like(type=kinds, text=texts, thinking=texts, id=texts, name=texts, input=st.just({"a": 1}))
usages = like(input_tokens=st.integers(), output_tokens_details=like(thinking_tokens=st.integers()))
deltas = like(
    type=st.sampled_from(["text_delta", "thinking_delta", "signature_delta", "input_json_delta"]),
    text=texts,
    thinking=texts,
    partial_json=texts,
    stop_reason=st.sampled_from(["end_turn", "refusal"]),
    stop_details=like(explanation=texts),
)
steps = like(
    type=st.sampled_from(
        [
            *("message_start", "message_delta", "message_stop"),
            *("content_block_start", "content_block_delta", "content_block_stop"),
        ]
    ),
    index=st.integers(0, 1),
    message=like(id=texts, usage=usages),
    content_block=blocks,
    delta=deltas,
    usage=usages,
)
messages = like(content=st.lists(blocks, max_size=3), stop_reason=texts, stop_details=anything, usage=usages)


@given(messages)
def test_no_whole_body_raises_an_untyped_error(body: Any) -> None:
    """Whatever JSON comes back, it is an answer or no answer."""
    with suppress(NoAnswerError):
        assert isinstance(read_message(body), Response)


@given(st.lists(steps, max_size=8))
def test_no_event_raises_an_untyped_error(bodies: list[Any]) -> None:
    """Whatever JSON stands in the events, they are steps or no answer."""
    reader = EventReader()
    with suppress(NoAnswerError):
        for body in bodies:
            reader.read(body)
    assert all(isinstance(each, (StreamEvent, str)) for each in reader.events)
