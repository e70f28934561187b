"""A chat model of LangChain as a provider, behind our layers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from ranvier import (
    ConfigurationError,
    ConnectionFailedError,
    ContextLengthError,
    FinishReason,
    Image,
    Message,
    Pipeline,
    RanvierError,
    RateLimitError,
    StreamInterruptedError,
    Text,
    Tool,
    ToolCall,
    UnsupportedRequestError,
    Usage,
    providers,
)
from ranvier.layers import Fallback, Retry
from ranvier.providers import Stub
from ranvier.simulator import Cut, Simulator, Status
from support.langchain.scripted import Scripted, Streaming

TOOL = Tool("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
SAID = {"type": "text", "text": "Because."}
END = AIMessageChunk("", response_metadata={"finish_reason": "stop"})
OUTAGE = (Status(503), Status(503), Cut())
CUT_CALL = ToolCall("c2", "add", {}, "{")


def pipeline_of(model: BaseChatModel) -> Pipeline:
    return Pipeline(Fallback(providers.from_langchain(model, name="theirs")), listeners=())


async def failure_of(error: Exception) -> RanvierError:
    pipeline = pipeline_of(Scripted(replies=[error]))
    with pytest.raises(RanvierError) as caught:
        await pipeline.complete("Hi")
    return caught.value


# --- conversations and answers -------------------------------------------------------------------


async def test_a_conversation_arrives_with_all_that_it_holds() -> None:
    """System, pictures, tool calls and failed results, with the settings that the chat model has."""
    model = Scripted(replies=[AIMessage("fine")])
    conversation = [
        Message("user", (Text("Look."), Image("https://example.com/a.png"))),
        Message.assistant("I add.", tool_calls=[ToolCall("c1", "add", {"a": 1}), CUT_CALL]),
        Message.tool("c1", "failed", name="add", is_error=True),
        Message.user("And?"),
    ]
    await pipeline_of(model).complete(
        conversation,
        system="Be brief.",
        tools=[TOOL],
        tool_choice="required",
        stop="x",
        temperature=1,
        extra={"theirs": {"user": "ann"}, "shared": 1},
    )
    ((messages, options),) = model.asked
    system, looked, answer, result, last = messages
    assert system == SystemMessage("Be brief.")
    assert looked.content[0] == {"type": "text", "text": "Look."}
    assert looked.content[1]["url"] == "https://example.com/a.png"
    assert (answer.text, answer.tool_calls[0]["args"], answer.invalid_tool_calls[0]["args"]) == (
        "I add.",
        {"a": 1},
        "{",
    )
    assert (result.status, result.tool_call_id, result.content) == ("error", "c1", "failed")
    assert isinstance(result, ToolMessage)
    assert last == HumanMessage("And?")
    assert options["tools"][0]["function"]["name"] == "add"
    told = {name: options[name] for name in ("tool_choice", "stop", "temperature", "user", "shared")}
    assert told == {"tool_choice": "any", "stop": ["x"], "temperature": 1, "user": "ann", "shared": 1}
    assert model.temperature is None


ANSWER = AIMessage(
    [THOUGHT, SAID],
    tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}],
    usage_metadata={
        "input_tokens": 5,
        "output_tokens": 3,
        "total_tokens": 8,
        "input_token_details": {"cache_read": 2, "cache_creation": 1},
        "output_token_details": {"reasoning": 1},
    },
    response_metadata={"model_name": "m-1", "stop_reason": "tool_use"},
)


def chunks() -> list[AIMessageChunk]:
    """That answer, in the pieces in which LangChain streams one."""
    pieces = [
        {"name": "add", "args": "", "id": "c1", "index": 2},
        {"name": None, "args": '{"a": 1}', "id": None, "index": 2},
    ]
    read: Any = {"input_tokens": 5, "output_tokens": 0, "total_tokens": 5}
    wrote: Any = {"input_tokens": 0, "output_tokens": 3, "total_tokens": 3}
    usage: Any = ANSWER.usage_metadata
    read["input_token_details"] = usage["input_token_details"]
    wrote["output_token_details"] = usage["output_token_details"]
    return [
        AIMessageChunk([{**THOUGHT, "index": 0}], usage_metadata=read),
        AIMessageChunk([{**SAID, "index": 1}]),
        *(AIMessageChunk([], tool_call_chunks=[piece]) for piece in pieces),
        AIMessageChunk([], usage_metadata=wrote, response_metadata=ANSWER.response_metadata),
    ]


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_is_read_whole_and_goes_back_as_it_was(streamed: bool) -> None:
    """With its tokens, and with the signature that only its provider understands."""
    model: Scripted = Scripted(replies=[ANSWER, AIMessage("fine")])
    if streamed:
        model = Streaming(replies=[chunks(), [AIMessageChunk("fine"), END]])
    pipeline = pipeline_of(model)
    if streamed:
        async with pipeline.stream("Why?") as stream:
            answer = await stream.collect()
        again = pipeline.stream([Message.user("Why?"), answer.message, Message.tool("c1", "1")])
        await (await again).collect()
    else:
        answer = await pipeline.complete("Why?")
        await pipeline.complete([Message.user("Why?"), answer.message, Message.tool("c1", "1")])
    assert answer.text == "Because."
    assert answer.tool_calls == (ToolCall("c1", "add", {"a": 1}),)
    assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.TOOL_CALLS, "tool_use")
    assert answer.usage == Usage(5, 3, 8, 2, 1, 1)
    assert (answer.model, answer.provider) == ("m-1", "theirs")
    sent = model.asked[1][0][1]
    assert {"thinking": "Hm.", "signature": "c2ln"}.items() <= sent.content[0].items()
    assert sent.tool_calls[0]["id"] == "c1"


async def test_calls_of_tools_without_an_index_are_told_apart() -> None:
    """By their ids."""
    pieces = [
        AIMessageChunk("", tool_call_chunks=[{"name": "add", "args": '{"a": 1}', "id": "c1", "index": None}]),
        AIMessageChunk("", tool_call_chunks=[{"name": "add", "args": '{"a": 2}', "id": "c2", "index": None}]),
        END,
    ]
    stream = await pipeline_of(Streaming(replies=[pieces])).stream("Hi")
    answer = await stream.collect()
    assert [(call.id, call.arguments) for call in answer.tool_calls] == [("c1", {"a": 1}), ("c2", {"a": 2})]


async def test_a_stream_without_a_finish_reason_is_whole_if_the_user_says_so() -> None:
    """Some chat models report none."""
    model = Streaming(replies=[[AIMessageChunk("fine")], [AIMessageChunk("fine")]])
    with pytest.raises(StreamInterruptedError) as caught:
        await (await pipeline_of(model).stream("Hi")).collect()
    assert "finish_reasons=False" in str(caught.value.__cause__)
    provider = providers.from_langchain(model, name="theirs", finish_reasons=False)
    stream = await Pipeline(Fallback(provider), listeners=()).stream("Hi")
    assert (await stream.collect()).text == "fine"


async def test_a_chat_model_that_does_not_stream_is_read_whole() -> None:
    """As one piece."""
    stream = await pipeline_of(Scripted(replies=[AIMessage("all of it")])).stream("Hi")
    assert (await stream.collect()).text == "all of it"


class Joke(BaseModel):
    setup: str


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_matches_the_schema(streamed: bool) -> None:
    """Also where LangChain gets it by a call of a tool."""
    call = {"name": "Joke", "args": {"setup": "A cat."}, "id": "c1", "type": "tool_call"}
    pipeline = pipeline_of(Scripted(replies=[AIMessage("", tool_calls=[call])]))
    if streamed:
        answer = await (await pipeline.stream("Joke!", schema=Joke)).collect()
    else:
        answer = await pipeline.complete("Joke!", schema=Joke)
    assert answer.parsed == Joke(setup="A cat.")


# --- what it cannot do ---------------------------------------------------------------------------


UNKNOWN: list[Any] = [{"max_tokens": 5}, {"reasoning": "high"}, {"tools": [TOOL], "schema": Joke}]


@pytest.mark.parametrize("options", UNKNOWN)
async def test_the_next_target_is_asked_what_the_chat_model_cannot_be_asked(options: Any) -> None:
    """Nothing is left out silently."""
    model = Scripted(replies=[])
    theirs = providers.from_langchain(model, name="theirs")
    pipeline = Pipeline(Fallback(theirs, Stub('{"setup": "ours"}')), listeners=())
    answer = await pipeline.complete("Hi", **options)
    assert answer.provider == "stub"
    with pytest.raises(UnsupportedRequestError, match="theirs"):
        await pipeline_of(model).complete("Hi", **options)
    assert not model.asked


async def test_another_model_is_not_answered_by_this_one() -> None:
    """A chat model has one model."""
    pipeline = Pipeline(Fallback(providers.from_langchain(Scripted(replies=[]), name="theirs")), listeners=())
    route: Any = pipeline.layers[0]
    assert [str(each) for each in route.deployments()] == ["theirs/theirs"]


@pytest.mark.parametrize("retries", [None, 2])
def test_retries_of_its_own_are_rejected(retries: int | None) -> None:
    """With the remedy; None means two for OpenAI's SDK."""
    model = ChatOpenAI(model="gpt-5.2", api_key=SecretStr("sk-ours"), max_retries=retries)
    with pytest.raises(ConfigurationError, match="max_retries=0"):
        providers.from_langchain(model)


def test_what_is_no_chat_model_is_rejected() -> None:
    """Such as one with tools bound, which belong to the call."""
    with pytest.raises(ConfigurationError, match="give a chat model"):
        providers.from_langchain(Scripted(replies=[]).bind_tools([]))


# --- errors --------------------------------------------------------------------------------------


async def test_errors_of_langchain_and_of_http_are_mapped() -> None:
    """So that layers know what to do with them."""
    assert isinstance(await failure_of(ContextOverflowError("too long")), ContextLengthError)
    assert isinstance(await failure_of(ModelRateLimitError("slow down")), RateLimitError)
    assert isinstance(await failure_of(httpx.ConnectError("refused")), ConnectionFailedError)


async def test_the_error_of_the_sdk_is_found_below_that_of_the_chat_model() -> None:
    """By the status of its response; without keys."""
    request = httpx.Request("POST", "http://a")
    response = httpx.Response(503, headers={"Retry-After": "7"}, request=request)
    cause = httpx.HTTPStatusError("sk-secret-of-the-model", request=request, response=response)
    error = RuntimeError("the model failed")
    error.__cause__ = cause
    found: Any = await failure_of(error)
    assert (found.status, found.retry_after) == (503, 7)
    assert "sk-secret" not in str(found)


async def test_an_unknown_error_stays_as_it_is() -> None:
    """A mistake in a program is no failure of a provider."""
    with pytest.raises(ZeroDivisionError):
        await pipeline_of(Scripted(replies=[ZeroDivisionError()])).complete("Hi")


async def test_a_stream_that_breaks_is_interrupted() -> None:
    """After the first content."""
    pipeline = pipeline_of(Streaming(replies=[[AIMessageChunk("a"), httpx.ReadError("reset")]]))
    with pytest.raises(StreamInterruptedError):
        async with pipeline.stream("Hi") as stream:
            _ = [event async for event in stream]


# --- over HTTP -----------------------------------------------------------------------------------


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.mark.parametrize("streamed", [False, True])
async def test_openais_chat_model_survives_an_outage(simulator: Simulator, streamed: bool) -> None:
    """Two replies with 503, and one that is cut: a stream that is cut at its first content is no answer."""
    url, key = simulator.url("openai"), SecretStr("sk-ours")
    model = ChatOpenAI(model="gpt-5.2", api_key=key, base_url=url, max_retries=0, stream_usage=True)
    simulator.play("openai", *OUTAGE)
    provider = providers.from_langchain(model)
    pipeline = Pipeline(Fallback(provider), Retry(5, base_delay=0, budget=None), listeners=())
    if streamed:
        with pytest.raises(StreamInterruptedError, match="invalid_response"):
            await (await pipeline.stream("Why?")).collect()
        answer = await (await pipeline.stream("Why?")).collect()
    else:
        answer = await pipeline.complete("Why?")
        assert [each.outcome for each in answer.attempts] == OUTCOMES
    assert answer.text
    assert answer.usage.output
    assert answer.model == provider.default_model == "gpt-5.2"
    await pipeline.aclose()
    await model.root_async_client.close()


OUTCOMES = ["overloaded", "overloaded", "invalid_response", "succeeded"]
