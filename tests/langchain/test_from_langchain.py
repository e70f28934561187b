"""A chat model of LangChain as a provider, behind our layers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from ranvier import (
    ConfigurationError,
    FinishReason,
    Image,
    Message,
    Pipeline,
    StreamInterruptedError,
    Text,
    Tool,
    ToolCall,
    UnsupportedRequestError,
    Usage,
    providers,
)
from ranvier.layers import Fallback
from ranvier.providers import Stub
from ranvier.testing import settled
from support.langchain.scripted import Scripted, Streaming

TOOL = Tool("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
SAID = {"type": "text", "text": "Because."}
END = AIMessageChunk("", response_metadata={"finish_reason": "stop"})
CUT_CALL = ToolCall("c2", "add", {}, "{")


def pipeline_of(model: BaseChatModel) -> Pipeline:
    return Pipeline(Fallback(providers.from_langchain(model, name="theirs")), listeners=())


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


@pytest.mark.parametrize("what", ["text", "call"])
async def test_an_answer_that_was_changed_goes_back_as_it_is_now(what: str) -> None:
    """Its blocks, which repeat the old text and the old calls, do not."""
    blocks = [THOUGHT, SAID, {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}]
    model = Scripted(replies=[ANSWER.model_copy(update={"content": blocks}), AIMessage("fine")])
    pipeline = pipeline_of(model)
    answer = (await pipeline.complete("Why?")).message
    kept = [part for part in answer.parts if not isinstance(part, Text if what == "text" else ToolCall)]
    changed = Message("assistant", (*kept, Text("Nobody knows.")) if what == "text" else kept)
    results = [Message.tool(call.id, "1") for call in changed.tool_calls]
    await pipeline.complete([Message.user("Why?"), changed, *results])
    sent = model.asked[1][0][1]
    assert sent.content == ("Nobody knows." if what == "text" else "Because.")
    assert [call["id"] for call in sent.tool_calls] == [call.id for call in changed.tool_calls]


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_the_chat_model_says_beside_the_answer_is_read(streamed: bool) -> None:
    """From LangChain's words for it."""
    cited = {
        "type": "citation",
        "url": "https://a",
        "title": "A",
        "cited_text": "so",
        "start_index": 0,
        "end_index": 4,
    }
    metadata = {
        "finish_reason": "stop",
        "service_tier": "flex",
        "headers": {"X-Request-Id": "req_1"},
        "logprobs": {"content": [{"token": "Be", "logprob": -0.1, "top_logprobs": []}]},
    }
    blocks = [{**SAID, "annotations": [cited]}]
    if streamed:
        chunk = AIMessageChunk(blocks, response_metadata=metadata, id="lc_run--1")
        answer = await (await pipeline_of(Streaming(replies=[[chunk]])).stream("Why?")).collect()
    else:
        model = Scripted(replies=[AIMessage(blocks, response_metadata=metadata)])
        answer = await pipeline_of(model).complete("Why?")
    (citation,) = answer.citations
    assert (citation.url, citation.quote, citation.end) == ("https://a", "so", 4)
    assert [token.token for token in answer.logprobs] == ["Be"]
    assert (answer.service_tier, answer.request_id, answer.id) == ("flex", "req_1", None)


async def test_tokens_of_a_cache_are_counted_under_every_name() -> None:
    """Chat models name them by the class of service, and by how long they are kept."""
    usage: Any = {
        "input_tokens": 9,
        "output_tokens": 3,
        "total_tokens": 12,
        "input_token_details": {
            "priority_cache_read": 2,
            "cache_creation": 0,
            "ephemeral_5m_input_tokens": 3,
            "ephemeral_1h_input_tokens": None,
        },
        "output_token_details": {"priority_reasoning": 1, "priority": 2},
    }
    answer = await pipeline_of(Scripted(replies=[AIMessage("fine", usage_metadata=usage)])).complete("Hi")
    assert answer.usage == Usage(9, 3, 12, 2, 3, 1)


@pytest.mark.parametrize(
    "nothing",
    [
        AIMessage("", additional_kwargs={"refusal": None, "parsed": None}),
        AIMessage("", additional_kwargs={"reasoning_content": "Hm."}),
        AIMessage([THOUGHT, {"type": "text", "text": " "}]),
    ],
)
async def test_an_answer_without_content_is_empty(nothing: AIMessage) -> None:
    """So that the next target may be asked; thoughts are no answer."""
    provider = providers.from_langchain(Scripted(replies=[nothing]), name="theirs")
    pipeline = Pipeline(Fallback(provider, Stub("fine"), on_empty=True), listeners=())
    assert (await pipeline.complete("Hi")).provider == "stub"


async def test_an_answer_that_was_cut_short_says_so() -> None:
    """Also in the words of the Responses API."""
    metadata = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    model = Scripted(replies=[AIMessage("Be", response_metadata=metadata)])
    answer = await pipeline_of(model).complete("Why?")
    assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.LENGTH, "max_output_tokens")


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


# --- callers that go away ------------------------------------------------------------------------


class Endless(Scripted):
    """One whose stream never ends by itself."""

    ended: list[str] = []  # noqa: RUF012  # because pydantic copies it

    async def _agenerate(self, *_: Any, **__: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append("answer")

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            yield ChatGenerationChunk(message=AIMessageChunk("a"))
            await asyncio.Event().wait()
        finally:
            self.ended.append("stream")


@pytest.mark.virtual_time
@pytest.mark.parametrize("what", ["answer", "stream"])
async def test_the_chat_model_ends_with_its_caller(what: str) -> None:
    """Whole and streamed."""
    model = Endless(replies=[])
    pipeline = pipeline_of(model)
    asking = pipeline.complete("Hi") if what == "answer" else (await pipeline.stream("Hi")).collect()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asking, 5)
    await settled(pipeline)
    assert model.ended == [what]


async def test_the_stream_of_the_chat_model_ends_when_ours_is_closed() -> None:
    """At once, and not when memory is cleaned up."""
    model = Endless(replies=[])
    pipeline = pipeline_of(model)
    async with pipeline.stream("Hi") as stream:
        assert (await anext(stream)).text == "a"
    await settled(pipeline)
    assert model.ended == ["stream"]
