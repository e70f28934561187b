"""Ollama's own API: where the server is, what is sent, and what its lines mean."""

import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.errors import InvalidResponseError, ModelNotFoundError, OverloadedError, ServerError
from ranvier.messages import (
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
    Usage,
)
from ranvier.messages.collector import Collector
from ranvier.providers import Ollama
from ranvier.providers._reading.reading import NoAnswerError
from ranvier.providers.ollama.adapter import LineReader
from support.providers.shapes import like

WEATHER = Tool("get_weather", "Weather by city", {"type": "object"})
NOTHING = httpx.Response(200, json={})
CALL = {"id": "call_1", "function": {"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}}}
DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 44, "eval_count": 113}


def asked(*messages: Message, **settings: Any) -> Request:
    """A request."""
    return Request(messages or (Message.user("Hi"),), **settings)


def line(done: bool | None = False, **message: Any) -> bytes:
    """One line of a stream."""
    ending = DONE if done else {"done": False}
    body = {"model": "qwen3:8b", "message": {"role": "assistant", **message}, **ending}
    return json.dumps(body).encode() + b"\n"


def collected(events: list[StreamEvent]) -> Response:
    """What a stream adds up to."""
    collector = Collector()
    for each in events:
        collector.add(each)
    return collector.response("ollama", "model")


# --- where the server is -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("", "http://localhost:11434"),
        ("gpu", "http://gpu:11434"),
        ("gpu:1234", "http://gpu:1234"),
        (":1234", "http://localhost:1234"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:1234", "http://[::1]:1234"),
        ("http://gpu", "http://gpu"),
        ("https://ollama.com/", "https://ollama.com"),
        ("https://gpu:1234/path", "https://gpu:1234/path"),
        ("gpu:1234/path/", "http://gpu:1234/path"),
        (" gpu ", "http://gpu:11434"),
    ],
)
def test_ollama_host_may_be_short(monkeypatch: pytest.MonkeyPatch, host: str, expected: str) -> None:
    """The variable of Ollama's own tools is read as they read it."""
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert Ollama().base_url == expected


def test_a_given_address_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given to the provider is stronger than the environment."""
    monkeypatch.setenv("OLLAMA_HOST", "gpu")
    assert Ollama(base_url="http://other:1/").base_url == "http://other:1"
    assert Ollama(base_url="other").base_url == "http://other:11434"


# --- what is sent --------------------------------------------------------------------------------


async def test_a_request_is_written_in_the_words_of_the_wire(ask: Any) -> None:
    """Settings are options, and a stream is refused in so many words."""
    request = asked(
        system="You are terse.",
        max_tokens=256,
        temperature=0.2,
        stop=("END",),
        tools=(WEATHER,),
        tool_choice="auto",
        schema=Schema({"type": "object"}),
        extra={"seed": 7, "ollama": {"keep_alive": "5m", "options": {"num_ctx": 8192}}},
    )
    async with ask(Ollama, NOTHING) as server:
        sent = await server.sent(request, model="qwen3", key=None)
    assert sent == {
        "model": "qwen3",
        "messages": [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Hi"}],
        "stream": False,
        "options": {"num_predict": 256, "temperature": 0.2, "stop": ["END"], "seed": 7, "num_ctx": 8192},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "Weather by city",
                    "parameters": {"type": "object"},
                },
            }
        ],
        "format": {"type": "object"},
        "keep_alive": "5m",
    }
    assert server.requests[0].url.path == "/api/chat"
    assert "authorization" not in server.requests[0].headers
    assert not server.provider.needs_credential


async def test_the_cloud_is_sent_its_key(ask: Any) -> None:
    """A key is sent where there is one."""
    async with ask(Ollama, NOTHING) as server:
        await server.sent(key="cloud-key")
    assert server.requests[0].headers["authorization"] == "Bearer cloud-key"


async def test_an_effort_is_a_thought_beside_the_options(ask: Any) -> None:
    """How hard to think is no option of the runner's."""
    async with ask(Ollama, NOTHING) as server:
        sent = await server.sent(asked(extra={"reasoning_effort": "none"}), streamed=True)
    assert (sent["think"], sent["stream"], "options" in sent) == (False, True, False)


async def test_the_history_names_the_tools(ask: Any) -> None:
    """Arguments are objects, results name their tool, and thoughts go back with the calls they led to."""
    history = (
        Message.user("Weather?"),
        Message(
            "assistant",
            (
                Native("ollama", {"thinking": "Hm"}),
                Native("anthropic", {"type": "thinking"}),
                ToolCall("call_1", "get_weather", {"city": "Paris"}),
                ToolCall("call_2", "f", {}, invalid="{"),
            ),
        ),
        Message.tool("call_1", "Sunny"),
        Message.tool("call_2", "", name="given"),
    )
    async with ask(Ollama, NOTHING) as server:
        sent = (await server.sent(asked(*history)))["messages"]
    assert sent[1:] == [
        {
            "role": "assistant",
            "content": "",
            "thinking": "Hm",
            "tool_calls": [
                {"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}},
                {"id": "call_2", "function": {"name": "f", "arguments": {}}},
            ],
        },
        {"role": "tool", "tool_name": "get_weather", "tool_call_id": "call_1", "content": "Sunny"},
        {"role": "tool", "tool_name": "given", "tool_call_id": "call_2", "content": ""},
    ]


# --- what comes back -----------------------------------------------------------------------------


async def test_a_whole_answer_is_read(ask: Any) -> None:
    """Text, thoughts, calls and counts come from where Ollama puts them."""
    message = {"content": "Let me look.", "thinking": "Hm", "tool_calls": [CALL]}
    body = {"model": "qwen3:8b", "message": message, **DONE}
    async with ask(Ollama, httpx.Response(200, json=body)) as server:
        answer = await server.complete()
    call = ToolCall("call_1", "get_weather", {"city": "Paris"})
    assert answer == Response(
        text="Let me look.",
        tool_calls=(call,),
        reasoning="Hm",
        finish_reason=FinishReason.TOOL_CALLS,  # though the server says `stop`
        raw_finish_reason="stop",
        usage=Usage(input=44, output=113, total=157),
        model="qwen3:8b",
        provider="ollama",
        parts=(Native("ollama", {"thinking": "Hm"}), Text("Let me look."), call),
    )


async def test_a_stream_adds_up_to_the_whole_answer(ask: Any, streamed: Any) -> None:
    """Lines add up, wherever they are cut; a call without an id gets one of its own."""
    nameless = {"function": {"name": "f", "arguments": {}}}
    body = line(content="", thinking="Hm") + line(content="Sun") + line(content="ny.")
    body += line(content="", tool_calls=[CALL, nameless]) + line(True, content="")
    async with ask(Ollama, streamed(body[:30], body[30:111], body[111:])) as server:
        events = await server.stream()
    answer = collected(events)
    assert (answer.text, answer.reasoning, answer.model) == ("Sunny.", "Hm", "qwen3:8b")
    first, second = answer.tool_calls
    assert first == ToolCall("call_1", "get_weather", {"city": "Paris"})
    assert (second.name, bool(second.id)) == ("f", True)
    assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.TOOL_CALLS, "stop")
    assert answer.usage == Usage(input=44, output=113, total=157)
    assert Native("ollama", {"thinking": "Hm"}) in answer.parts


@pytest.mark.parametrize("ending", [b"", b"data: [DONE]\n", b'{"message": {"content": "x"}, "done": tr'])
async def test_a_stream_without_its_end_is_cut(ask: Any, streamed: Any, ending: bytes) -> None:
    """Only a line that is done ends an answer."""
    async with ask(Ollama, streamed(line(content="Hi"), ending)) as server:
        with pytest.raises(InvalidResponseError):
            await server.stream()


async def test_an_end_without_a_reason_proves_nothing_about_an_empty_answer(ask: Any, streamed: Any) -> None:
    """A runner that died says that it is done and nothing else; old servers say no more after an answer."""
    bare = b'{"message": {"content": ""}, "done": true}\n'
    async with ask(Ollama, streamed(bare)) as server:
        with pytest.raises(InvalidResponseError):
            await server.stream()
    async with ask(Ollama, httpx.Response(200, content=bare)) as server:
        with pytest.raises(InvalidResponseError):
            await server.complete()
    async with ask(Ollama, streamed(line(content="Hi"), bare)) as server:
        answer = collected(await server.stream())
    assert (answer.finish_reason, answer.usage.complete) == (FinishReason.OTHER, False)


@pytest.mark.parametrize(
    ("message", "expected"),
    [("llama runner died", ServerError), ("server busy, please try again", OverloadedError)],
)
async def test_an_error_in_a_stream_is_that_error(
    ask: Any, streamed: Any, message: str, expected: type[Exception]
) -> None:
    """An error stands alone on its line; that the server is busy says its message."""
    error = json.dumps({"error": message}).encode() + b"\n"
    for before in (b"", line(content="Hi")):
        async with ask(Ollama, streamed(before, error)) as server:
            with pytest.raises(ServerError, match=message) as caught:
                await server.stream()
        assert type(caught.value) is expected
        assert caught.value.in_stream


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [(404, "model 'x' not found", ModelNotFoundError), (503, "server busy", OverloadedError)],
)
async def test_a_status_is_an_error(ask: Any, status: int, message: str, expected: type[Exception]) -> None:
    """The error of a refused request is told by its status."""
    async with ask(Ollama, httpx.Response(status, json={"error": message})) as server:
        with pytest.raises(expected):
            await server.complete()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": 7},
        {"message": {"content": 7}},
        {"message": {"content": "x"}, "done": False},
        {"message": {"content": "x", "tool_calls": {"a": 1}}, "done": True},
        {"message": {"content": "x"}, "done_reason": 1},
    ],
)
async def test_what_is_no_answer_is_an_invalid_response(ask: Any, body: Any) -> None:
    """A body of another form is no answer."""
    async with ask(Ollama, httpx.Response(200, json=body)) as server:
        with pytest.raises(InvalidResponseError):
            await server.complete()


texts = st.text(max_size=3)
calls = st.lists(like(id=texts, function=like(name=texts, arguments=st.just({"a": 1}))), max_size=2)
bodies = like(
    message=like(content=texts, thinking=texts, tool_calls=calls),
    done=st.booleans(),
    done_reason=texts,
    eval_count=st.integers(),
)


@given(st.lists(bodies, min_size=1, max_size=5))
def test_no_body_raises_an_untyped_error(lines: list[Any]) -> None:
    """Whatever JSON comes back, it is an answer or no answer, whole and in lines."""
    with suppress(NoAnswerError):
        assert isinstance(Ollama().response(lines[0]), Response)
    reader = LineReader()
    with suppress(NoAnswerError):
        for body in lines:
            reader.read(body)
    assert all(isinstance(each, (StreamEvent, str)) for each in reader.events)
