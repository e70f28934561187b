"""The dialect of chat completions: what is sent, and what an answer or its chunks mean."""

import json
import re
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.errors import (
    ConfigurationError,
    ConnectionFailedError,
    ContentFilterError,
    CredentialMissingError,
    InvalidResponseError,
    OverloadedError,
    QuotaExceededError,
    ServerError,
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
    Usage,
)
from ranvier.messages.collector import Collector
from ranvier.pipeline.registry import names_of
from ranvier.providers import FunctionProvider
from ranvier.providers._reading.reading import NoAnswerError
from ranvier.providers._wire.adapter import Adapter
from ranvier.providers.chat_completions.answer import read_completion
from ranvier.providers.chat_completions.chunks import ChunkReader
from ranvier.providers.chat_completions.wire import ChatCompletions
from support.providers.openai_apis import Chat
from support.providers.shapes import like

WEATHER = Tool(
    "get_weather", "Weather by city", {"type": "object", "properties": {"city": {"type": "string"}}}
)
NOTHING = httpx.Response(200, json={})


def asked(*messages: Message, **settings: Any) -> Request:
    """A request."""
    return Request(messages or (Message.user("Hi"),), **settings)


def completion(**message: Any) -> dict[str, Any]:
    """A whole answer."""
    finish = message.pop("finish_reason", "stop")
    return {
        "id": "chatcmpl-1",
        "model": "gpt-5.2-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 30,
            "total_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 25},
        },
    }


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    """One event of a stream."""
    return event({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def event(body: Any) -> bytes:
    """One event of a stream, whatever is in it."""
    return b"data: " + (body.encode() if isinstance(body, str) else json.dumps(body).encode()) + b"\n\n"


def collected(events: list[StreamEvent]) -> Response:
    """What a stream adds up to."""
    collector = Collector()
    for each in events:
        collector.add(each)
    return collector.response("openai", "model")


DONE = b"data: [DONE]\n\n"


# --- what is sent --------------------------------------------------------------------------------


async def test_a_request_is_written_in_the_words_of_the_wire(ask: Any) -> None:
    """Messages, settings and tools stand where OpenAI wants them."""
    request = asked(
        Message.user("Weather in Paris?"),
        system="You are terse.",
        max_tokens=256,
        temperature=0.2,
        stop=("END",),
        tools=(WEATHER,),
        tool_choice="required",
    )
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(request, model="gpt-4.1-mini")
        assert sent == {
            "model": "gpt-4.1-mini",
            "messages": [
                {"role": "system", "content": "You are terse."},
                {"role": "user", "content": "Weather in Paris?"},
            ],
            "max_completion_tokens": 256,
            "temperature": 0.2,
            "stop": ["END"],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "get_weather",
                        "description": "Weather by city",
                        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                    },
                }
            ],
            "tool_choice": "required",
            "stream": False,
        }
        assert str(server.requests[0].url) == "https://api.openai.com/v1/chat/completions"
        assert server.requests[0].headers["authorization"] == "Bearer secret-key"


async def test_a_stream_asks_for_its_usage(ask: Any) -> None:
    """Without being asked OpenAI does not report tokens in a stream."""
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(streamed=True)
        assert sent["stream"] is True
        assert sent["stream_options"] == {"include_usage": True}
        assert (await server.sent())["stream"] is False


async def test_a_tool_may_be_demanded_by_name(ask: Any) -> None:
    """A tool choice that is no word of the API is the name of a tool."""
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(asked(tools=(WEATHER,), tool_choice="get_weather"))
        assert sent["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
        assert "tool_choice" not in await server.sent(asked(tool_choice="auto"))  # refused without tools


async def test_the_history_is_written_one_message_for_each_result(ask: Any) -> None:
    """Calls carry JSON text, results follow one by one, and parts of other providers stay out."""
    foreign = Native("anthropic", {"type": "thinking", "thinking": "...", "signature": "s"})
    history = (
        Message.user("Weather in Paris and Rome?"),
        Message(
            "assistant",
            (foreign, ToolCall("call_1", "get_weather", {"city": "Paris"}), ToolCall("x" * 99, "f")),
        ),
        Message.tool("call_1", "Sunny"),
        Message.tool("x" * 99, ""),
        Message.assistant("Sunny."),
        Message.assistant(tool_calls=[ToolCall("call_3", "f", {}, invalid='{"ci')]),
    )
    async with ask(Chat, NOTHING) as server:
        sent = (await server.sent(asked(*history)))["messages"]
    first, second = sent[1]["tool_calls"]
    assert first == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
    }
    assert sent[1]["content"] is None
    assert len(second["id"]) <= 40  # OpenAI refuses longer ids
    assert sent[2:5] == [
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
        {"role": "tool", "tool_call_id": second["id"], "content": ""},
        {"role": "assistant", "content": "Sunny."},
    ]
    assert sent[5]["tool_calls"][0]["function"]["arguments"] == "{}"


async def test_what_is_native_to_openai_goes_back_to_it(ask: Any) -> None:
    """A part that only OpenAI understands stands among the user's words."""
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.jpg"}}
    message = Message(
        "user", (Text("What is this?"), Native("openai", image), Native("gemini", {"type": "x"}))
    )
    async with ask(Chat, NOTHING) as server:
        sent = (await server.sent(asked(message)))["messages"]
    assert sent == [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]


async def test_a_setting_that_the_model_refuses_is_left_out_and_told(ask: Any) -> None:
    """A model that reasons is not tuned; listeners hear of it."""
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(asked(temperature=0.3, top_p=0.5), model="gpt-5-pro")
        assert "temperature" not in sent
        told = [(heard.name, heard.parameter, heard.provider, heard.tenant) for heard in server.heard]
        assert told == [("parameter_dropped", name, "openai", "acme") for name in ("temperature", "top_p")]


async def test_a_request_that_the_model_cannot_take_is_not_sent(ask: Any) -> None:
    """Where something would be lost that has meaning, the target is passed over before anything is sent."""
    async with ask(Chat, NOTHING, name="openai-eu", base_url="https://eu.api.openai.com/v1") as server:
        with pytest.raises(UnsupportedRequestError) as caught:
            await server.complete(asked(stop=("a", "b", "c", "d", "e")), model="gpt-4.1")
        assert caught.value.provider == "openai-eu"
        assert not server.requests


async def test_an_unknown_server_gets_the_words_that_every_server_knows(ask: Any) -> None:
    """A server under a name of its own is sent `max_tokens`, and needs no key."""
    async with ask(Chat, NOTHING, name="vllm", base_url="http://gpu:8000/v1/") as server:
        sent = await server.sent(asked(max_tokens=9, temperature=0.5), model="gpt-5.2-clone", key=None)
        assert sent["max_tokens"] == 9
        assert sent["temperature"] == 0.5
        assert str(server.requests[0].url) == "http://gpu:8000/v1/chat/completions"
        assert "authorization" not in server.requests[0].headers
        assert not server.provider.needs_credential


async def test_openai_itself_is_not_asked_without_a_key(ask: Any) -> None:
    """A call without a key ends before anything is sent."""
    async with ask(Chat, NOTHING) as server:
        with pytest.raises(CredentialMissingError):
            await server.complete(key=None)
        assert not server.requests
        assert server.provider.needs_credential


def test_our_own_key_is_the_given_one_else_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read when the key is asked for."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    provider = Chat()
    assert provider.credential() is None
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    assert provider.credential() == "from-the-environment"
    assert Chat("given").credential() == "given"
    with pytest.raises(ConfigurationError, match="api_key"):
        Chat(7)  # type: ignore[arg-type]


# --- what the caller puts over it ----------------------------------------------------------------


async def test_options_and_extras_go_over_what_is_translated(ask: Any) -> None:
    """A call's extra wins over the deployment's options, and both over the translation."""
    request = asked(max_tokens=5, extra={"user": "u1", "metadata": {"b": 2}})
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(
            request, options={"user": "u0", "metadata": {"a": 1}, "max_completion_tokens": 7}
        )
    assert (sent["user"], sent["max_completion_tokens"]) == ("u1", 7)
    assert sent["metadata"] == {"a": 1, "b": 2}


async def test_an_extra_for_another_provider_is_not_sent(ask: Any) -> None:
    """Fields under the name of a provider go to it alone, by its vendor's name and by its own."""
    extra = {
        "openai": {"service_tier": "flex", "store": True},
        "openai-eu": {"store": False},
        "anthropic": {"top_k": 3},
        "gateway": {"x": 1},
        "mine": {"x": 1},
        "seed": 7,
    }
    async with ask(Chat, NOTHING, name="openai-eu") as server:
        gateway = Chat(name="gateway", base_url="http://gateway.test")
        mine = FunctionProvider("mine", server.provider.complete)
        server.pipeline.provider_names = names_of([server.provider, gateway, mine])
        sent = await server.sent(asked(extra=extra))
    assert (sent["service_tier"], sent["store"], sent["seed"]) == ("flex", False, 7)
    assert not {"openai", "openai-eu", "anthropic", "gateway", "mine"} & sent.keys()


async def test_a_setting_for_everyone_is_fitted_to_the_model(ask: Any) -> None:
    """An extra that addresses nobody is a setting like any other, where we know it."""
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(asked(extra={"top_k": 4, "reasoning_effort": "max"}), model="gpt-5.2")
        assert "top_k" not in sent  # OpenAI has no such field
        assert sent["reasoning_effort"] == "xhigh"  # and no such effort
        addressed = await server.sent(asked(extra={"openai": {"top_k": 4}}), model="gpt-5.2")
        assert addressed["top_k"] == 4  # whoever addresses it knows what it does


async def test_an_effort_of_the_deployment_decides_what_may_be_tuned(ask: Any) -> None:
    """A model that is told to reason refuses a temperature."""
    async with ask(Chat, NOTHING) as server:
        tuned = await server.sent(asked(temperature=0.1), model="gpt-5.2")
        assert tuned["temperature"] == 0.1
        sent = await server.sent(
            asked(temperature=0.1), model="gpt-5.2", options={"reasoning_effort": "high"}
        )
        assert "temperature" not in sent
        assert sent["reasoning_effort"] == "high"


async def test_who_is_asked_and_how_cannot_be_overridden(ask: Any) -> None:
    """A model or a stream flag in an extra would make the records lie, and the answer unreadable."""
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(asked(extra={"model": "other", "stream": True}), model="gpt-5.2")
    assert sent["model"] == "gpt-5.2"
    assert sent["stream"] is False


async def test_a_name_or_an_extra_cannot_add_a_header(ask: Any) -> None:
    """What the caller writes stands in the body, whatever it holds."""
    async with ask(Chat, NOTHING) as server:
        await server.sent(asked(extra={"x\r\nx-evil": "1", "a": "b\r\nx-evil: 1"}), model="m: x-evil")
        assert "x-evil" not in server.requests[0].headers


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
async def test_what_is_no_json_is_refused(ask: Any, value: Any) -> None:
    """An extra that JSON cannot hold is a mistake of the caller's, and nothing is sent."""
    async with ask(Chat, NOTHING) as server:
        with pytest.raises(ConfigurationError, match="JSON"):
            await server.complete(asked(extra={"user": value}))
        assert not server.requests


async def test_half_a_character_can_be_sent(ask: Any) -> None:
    """Text with half of a surrogate pair, as a cut text may have it, is still sent."""
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(asked(Message.user("cut \ud83d")))
    assert sent["messages"][0]["content"] == "cut \ud83d"


async def test_an_answer_may_have_to_follow_a_schema(ask: Any) -> None:
    """A JSON schema becomes the response format."""
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    strict = {**loose, "required": ["a"], "additionalProperties": False}
    async with ask(Chat, NOTHING) as server:
        sent = await server.sent(asked(schema=Schema(loose, "weather")))
        assert sent["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "weather", "schema": loose},
        }
        sent = await server.sent(asked(schema=Schema(strict)))
        assert sent["response_format"]["json_schema"] == {"name": "answer", "schema": strict, "strict": True}


# --- a whole answer ------------------------------------------------------------------------------


async def test_a_whole_answer_is_read(ask: Any) -> None:
    """Text, reasoning, reason, tokens, id and model come from where OpenAI puts them."""
    body = completion(content="Sunny.", reasoning_content="Let me see.")
    async with ask(Chat, httpx.Response(200, json=body)) as server:
        answer = await server.complete()
    assert answer == Response(
        text="Sunny.",
        reasoning="Let me see.",
        finish_reason=FinishReason.STOP,
        raw_finish_reason="stop",
        usage=Usage(input=20, output=30, total=50, cache_read=8, cache_write=2, reasoning=25),
        model="gpt-5.2-2026",
        provider="openai",
        id="chatcmpl-1",
        parts=(Text("Sunny."),),
    )


async def test_tool_calls_are_read(ask: Any) -> None:
    """Arguments are parsed; broken ones are kept as they are; a missing id is made up."""
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"type": "function", "function": {"name": "g", "arguments": '{"a": '}},
        {"id": "call_3", "function": {"name": "h", "arguments": {"b": 2}}},
        {"id": "call_4", "type": "custom", "custom": {"name": "c", "input": "free text"}},
    ]
    body = completion(content=None, tool_calls=calls, finish_reason="stop")
    async with ask(Chat, httpx.Response(200, json=body)) as server:
        answer = await server.complete()
    first, second, third, fourth = answer.tool_calls
    assert first == ToolCall("call_1", "f", {"a": 1})
    assert (second.invalid, bool(second.id)) == ('{"a": ', True)
    assert third == ToolCall("call_3", "h", {"b": 2})
    assert (fourth.name, fourth.invalid) == ("c", "free text")
    assert answer.finish_reason is FinishReason.TOOL_CALLS  # though the server said `stop`
    assert answer.message.tool_calls == answer.tool_calls


async def test_an_old_function_call_is_a_tool_call(ask: Any) -> None:
    """What was written before there were tools is understood; an empty one is decoration."""
    body = completion(function_call={"name": "f", "arguments": "{}"}, finish_reason="function_call")
    async with ask(Chat, httpx.Response(200, json=body)) as server:
        assert (await server.complete()).tool_calls[0].name == "f"
    body = completion(content="4", function_call={"name": "", "arguments": ""})
    async with ask(Chat, httpx.Response(200, json=body)) as server:
        assert (await server.complete()).tool_calls == ()


async def test_content_in_pieces_is_joined(ask: Any) -> None:
    """A list of pieces, as Mistral has it, is their text and their thinking."""
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "4."},
    ]
    async with ask(Chat, httpx.Response(200, json=completion(content=content))) as server:
        answer = await server.complete()
    assert (answer.text, answer.reasoning) == ("It is 4.", "2+2")


async def test_a_refusal_without_an_answer_is_a_content_filter_error(ask: Any) -> None:
    """Refused on policy: by a refusal, by a filter, or by a choice without a message."""
    bodies = [
        completion(content=None, refusal="I cannot help with that."),
        completion(content="", finish_reason="content_filter"),
        {"choices": [{"finish_reason": "content_filter", "content_filter_results": {}}]},
    ]
    for body in bodies:
        async with ask(Chat, httpx.Response(200, json=body)) as server:
            with pytest.raises(ContentFilterError):
                await server.complete()


async def test_a_partial_refusal_is_an_answer(ask: Any) -> None:
    """What was said before the filter stepped in is an answer that says so."""
    body = completion(content="First,", finish_reason="content_filter")
    async with ask(Chat, httpx.Response(200, json=body)) as server:
        answer = await server.complete()
    assert (answer.text, answer.finish_reason) == ("First,", FinishReason.CONTENT_FILTER)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"<!doctype html><title>Bad gateway</title>",
        b'{"choices": [{"message": {"con',
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"choices": []}',
        b'{"choices": null}',
        b'{"choices": {}}',
        b'{"choices": [7]}',
        b'{"choices": [{"finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": "x", "tool_calls": [7]}}]}',
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": 3}]}',
        b'{"choices": [{"message": {"content": "x"}, "finish_reason": "network_error"}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_what_is_no_answer_is_an_invalid_response(ask: Any, content: bytes) -> None:
    """A body that is not what the API promises is told as such, with its start, and may be retried."""
    reply = httpx.Response(200, content=content, headers={"x-request-id": "req-1"})
    async with ask(Chat, reply) as server:
        with pytest.raises(InvalidResponseError) as caught:
            await server.complete(model="gpt-5.2")
    error = caught.value
    assert (error.status, error.provider, error.model, error.request_id) == (
        200,
        "openai",
        "gpt-5.2",
        "req-1",
    )
    assert error.retryable
    assert error.__context__ is None


async def test_an_error_inside_a_200_is_that_error(ask: Any) -> None:
    """The status does not make an error an answer."""
    body = {"error": {"message": "You exceeded your quota", "type": "insufficient_quota", "code": None}}
    async with ask(Chat, httpx.Response(200, json=body)) as server:
        with pytest.raises(QuotaExceededError):
            await server.complete()


function = like(name=st.text(max_size=3), arguments=st.text(max_size=5))
calls = st.lists(like(id=st.text(max_size=3), index=st.integers(0, 2), function=function), max_size=3)
message = like(
    content=st.text(max_size=3) | st.lists(like(type=st.just("text"), text=st.text()), max_size=2),
    reasoning=st.text(max_size=3),
    refusal=st.text(max_size=3),
    tool_calls=calls,
    function_call=function,
)
finishes = st.sampled_from(["stop", "length", "content_filter", "error", ""])
choice = like(index=st.integers(0, 1), message=message, delta=message, finish_reason=finishes)
usage = like(prompt_tokens=st.integers(), prompt_tokens_details=like(cached_tokens=st.integers()))
bodies = like(id=st.text(), choices=st.lists(choice, max_size=2), usage=usage)


@given(bodies)
def test_no_whole_body_raises_an_untyped_error(body: Any) -> None:
    """Whatever JSON comes back, it is an answer or no answer."""
    if isinstance(body, dict):
        with suppress(NoAnswerError):
            assert isinstance(read_completion(body, "openai", ("reasoning",)), Response)


@given(st.lists(bodies, max_size=5))
def test_no_chunk_raises_an_untyped_error(chunks: list[Any]) -> None:
    """Whatever JSON stands in the chunks, they are events or no answer."""
    reader = ChunkReader("openai", ("reasoning",))
    with suppress(NoAnswerError):
        for body in chunks:
            if isinstance(body, dict):
                reader.read(body)
    assert all(isinstance(each, (StreamEvent, str)) for each in reader.events)


# --- a stream ------------------------------------------------------------------------------------


async def test_a_stream_adds_up_to_the_whole_answer(ask: Any, streamed: Any) -> None:
    """Text, reasoning, tool calls, reason and tokens of a stream are those of the whole answer."""
    reply = streamed(
        event({"id": "chatcmpl-1", "model": "gpt-5.2-2026", "choices": [], "prompt_filter_results": []}),
        chunk(role="assistant", content="", refusal=None),
        chunk(reasoning_content="Let me see."),
        chunk(content="Sun"),
        chunk(content="ny."),
        chunk(tool_calls=[{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": ""}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}]),
        chunk(tool_calls=[{"index": 1, "id": "call_2", "function": {"name": "g", "arguments": "{}"}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": " 1}"}}]),
        chunk("tool_calls"),
        event({"choices": [], "usage": completion()["usage"]}),
        DONE,
    )
    async with ask(Chat, reply) as server:
        events = await server.stream()
    answer = collected(events)
    assert (answer.text, answer.reasoning) == ("Sunny.", "Let me see.")
    assert answer.tool_calls == (ToolCall("call_1", "f", {"a": 1}), ToolCall("call_2", "g", {}))
    assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.TOOL_CALLS, "tool_calls")
    assert answer.usage == Usage(input=20, output=30, total=50, cache_read=8, cache_write=2, reasoning=25)
    assert (answer.id, answer.model) == ("chatcmpl-1", "gpt-5.2-2026")
    finish = next(index for index, each in enumerate(events) if each.finish_reason)
    assert not any(each.has_content for each in events[finish:])


@pytest.mark.parametrize(
    "ending",
    [
        [chunk("stop"), event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}), DONE],
        [chunk("stop"), event({"choices": [{"delta": {"content": ""}, "finish_reason": "stop"}],
                               "usage": {"prompt_tokens": 3, "completion_tokens": 4}})],
        [event({"choices": [{"delta": {}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4}}), DONE],
        [event({"choices": [{"delta": {}, "finish_reason": "stop",
                             "usage": {"prompt_tokens": 3, "completion_tokens": 4}}]})],
    ],
    ids=["OpenAI", "OpenRouter", "Z.ai", "Kimi"],
)  # fmt: skip
async def test_usage_is_read_wherever_it_stands(ask: Any, streamed: Any, ending: list[bytes]) -> None:
    """Each server reports tokens on a chunk of its own, and a second finish reason changes nothing."""
    async with ask(Chat, streamed(chunk(content="Hi"), *ending)) as server:
        events = await server.stream()
    assert collected(events).usage == Usage(input=3, output=4, total=7)
    assert [each.finish_reason for each in events if each.finish_reason] == [FinishReason.STOP]


@pytest.mark.parametrize(
    "ending",
    [
        [],
        [DONE],
        [b"data: [DO"],
        [b": ping\n\n"],
        [chunk(content="more")],
        [b'data: {"choices": [{"delta": {}'],
    ],
)
async def test_a_stream_without_its_end_is_cut(ask: Any, streamed: Any, ending: list[bytes]) -> None:
    """An end of the body before the finish reason is never a success, `[DONE]` or not."""
    async with ask(Chat, streamed(chunk(content="Hi"), *ending)) as server:
        with pytest.raises(InvalidResponseError) as caught:
            await server.stream()
    assert caught.value.in_stream


async def test_what_came_before_an_error_is_still_told(ask: Any, streamed: Any) -> None:
    """Events that stand in the same bytes as an error come out before it is raised."""
    error = event({"error": {"message": "overloaded", "code": "server_is_overloaded"}})
    async with ask(Chat, streamed(chunk(content="Hi") + error)) as server:
        stream = server.provider.stream(server.call())
        first = await anext(stream)
        assert first.details is not None
        assert first.id == "chatcmpl-1"
        assert (await anext(stream)).text == "Hi"
        with pytest.raises(OverloadedError) as caught:
            await anext(stream)
    assert caught.value.in_stream


@pytest.mark.parametrize(
    "error",
    [
        b'event: error\ndata: {"message": "oh", "type": "server_error"}\n\n',
        b"event: error\ndata: oh\n\n",
        b'{"error": {"message": "oh", "type": "server_error"}}',
        event([{"error": {"message": "oh", "type": "server_error"}}]),
    ],
)
async def test_an_error_in_a_stream_is_found_in_every_form(ask: Any, streamed: Any, error: bytes) -> None:
    """Named by its event, bare in the stream, or in a list: it is an error."""
    async with ask(Chat, streamed(chunk(content="Hi"), error)) as server:
        with pytest.raises((ServerError, InvalidResponseError)):
            await server.stream()


async def test_a_connection_that_breaks_after_the_end_is_no_error(ask: Any, streamed: Any) -> None:
    """Once the finish reason has come, the answer is whole."""
    broken = httpx.ReadError("reset")
    async with ask(Chat, streamed(chunk(content="Hi"), chunk("stop"), broken)) as server:
        assert collected(await server.stream()).text == "Hi"


async def test_a_connection_that_breaks_before_the_end_has_failed(ask: Any, streamed: Any) -> None:
    """A reset in the middle is a failed connection, in the stream."""
    async with ask(Chat, streamed(chunk(content="Hi"), httpx.ReadError("reset"), status=200)) as server:
        with pytest.raises(ConnectionFailedError) as caught:
            await server.stream()
    assert (caught.value.in_stream, caught.value.status) == (True, 200)


async def test_noise_is_skipped_and_counted(ask: Any, streamed: Any) -> None:
    """A data line that is no object loses nothing; what it was is counted."""
    noise = b"data: keep-alive\n\n" + event("3") + event("[1, 2]")
    async with ask(Chat, streamed(noise, chunk(content="Hi"), noise, chunk("stop"), DONE)) as server:
        answer = await server.stream()
    assert sum(each.skipped for each in answer) == 6
    assert collected(answer).text == "Hi"


@pytest.mark.parametrize("broken", [b'data: {"choices": [{"delta": \n\n', event({"choices": "x"})])
async def test_a_broken_chunk_that_may_have_held_content_is_no_answer(
    ask: Any, streamed: Any, broken: bytes
) -> None:
    """A chunk that cannot be read may have been a word: the answer is not whole without it."""
    async with ask(Chat, streamed(chunk(content="Hi"), broken, chunk("stop"), DONE)) as server:
        with pytest.raises(InvalidResponseError):
            await server.stream()


async def test_every_byte_is_a_sign_of_life(ask: Any, streamed: Any) -> None:
    """Comments and halves of an event show that the provider is alive, and say nothing else."""
    whole = chunk(content="Hi")
    reply = streamed(b": OPENROUTER PROCESSING\n\n", whole[:9], whole[9:], chunk("stop"), DONE)
    async with ask(Chat, reply) as server:
        events = await server.stream()
    assert events[0] is SIGN_OF_LIFE
    assert events[1] is SIGN_OF_LIFE
    assert not SIGN_OF_LIFE.has_content


async def test_a_refusal_in_a_stream_is_a_content_filter_error(ask: Any, streamed: Any) -> None:
    """A stream that refuses without an answer raises; one that has said something ends as filtered."""
    async with ask(
        Chat, streamed(chunk(refusal="I can"), chunk(refusal="not."), chunk("stop"), DONE)
    ) as server:
        with pytest.raises(ContentFilterError, match=re.escape("I cannot.")):
            await server.stream()
    async with ask(Chat, streamed(chunk(content="First,"), chunk("content_filter"), DONE)) as server:
        assert collected(await server.stream()).finish_reason is FinishReason.CONTENT_FILTER


@pytest.mark.parametrize(
    "fragments",
    [
        [{"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "function": {"name": "g"}}],
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
         {"index": 0, "id": "b", "function": {"name": "g", "arguments": ""}}],
        [{"id": "a", "function": {"name": "f", "arguments": "{"}}, {"function": {"arguments": "}"}},
         {"id": "b", "function": {"name": "g", "arguments": {}}}],
        [{"index": 0, "id": "a", "function": {"name": "f"}},
         {"index": 0, "id": "new", "function": {"arguments": "{}"}},
         {"index": 1, "id": "b", "function": {"name": "g"}}],
    ],
    ids=["no index", "always index 0", "no index and no id", "an id of its own for each fragment"],
)  # fmt: skip
async def test_fragments_of_tool_calls_find_each_other(
    ask: Any, streamed: Any, fragments: list[dict[str, Any]]
) -> None:
    """Servers that number calls badly are understood."""
    parts = [chunk(tool_calls=[fragment]) for fragment in fragments]
    async with ask(Chat, streamed(*parts, chunk("tool_calls"), DONE)) as server:
        answer = collected(await server.stream())
    assert answer.tool_calls == (ToolCall("a", "f", {}), ToolCall("b", "g", {}))


async def test_a_server_that_does_not_stream_is_understood(ask: Any) -> None:
    """A whole answer where a stream was asked for is read as one step."""
    reply = httpx.Response(200, json=completion(content="Sunny."))
    async with ask(Chat, reply) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.finish_reason) == ("Sunny.", FinishReason.STOP)


class Returning(ChatCompletions, Adapter):
    """A provider that wants its reasoning back, as Kimi does."""

    family = "returning"
    default_model = "m"
    default_base_url = "https://returning.test/v1"
    returned = ("reasoning_content", "details")


async def test_a_provider_that_wants_its_reasoning_back_gets_it(ask: Any, streamed: Any) -> None:
    """Fields that a provider wants back travel in the history, from whole answers and from streams."""
    call = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}
    whole = completion(reasoning_content="Let me", details=[1, 2], tool_calls=[call])
    steps = (
        chunk(reasoning_content="Let", details=[1]),
        chunk(reasoning_content=" me", details=[2]),
        chunk(tool_calls=[call]),
        chunk("tool_calls"),
        DONE,
    )
    async with ask(Returning, httpx.Response(200, json=whole)) as server:
        first = (await server.complete()).message
    async with ask(Returning, streamed(*steps)) as server:
        second = collected(await server.stream()).message
        for answer in (first, second):
            sent = (await server.sent(asked(Message.user("Hi"), answer, Message.tool("call_1", "x"))))[
                "messages"
            ]
            assert (sent[1]["reasoning_content"], sent[1]["details"]) == ("Let me", [1, 2])
    async with ask(Chat, NOTHING) as server:
        sent = (await server.sent(asked(Message.user("Hi"), first, Message.tool("call_1", "x"))))["messages"]
        assert "reasoning_content" not in sent[1]
