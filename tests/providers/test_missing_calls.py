"""Answers whose finish reason promises a tool call that they do not have, and those that are malformed."""

from typing import Any

import httpx
import pytest

from ranvier.errors import ConnectionFailedError, ContentFilterError, InvalidResponseError
from ranvier.messages import FinishReason, Usage
from ranvier.providers import Gemini
from support.providers.bedrock_apis import split
from support.providers.five_wires import WIRES, as_chat, chat_chunk, gemini_whole
from support.providers.openai_apis import Chat
from support.providers.seven import collected
from support.providers.worded import worded

each_wire = pytest.mark.parametrize("name", WIRES)


async def before_the_error(server: Any) -> list[Any]:
    """The events of a stream that ends with an error."""
    events, stream = [], server.provider.stream(server.call(model="m"))
    try:
        while True:
            events.append(await anext(stream))
    except (InvalidResponseError, ContentFilterError):
        return events


def usage_in(events: list[Any]) -> Usage:
    """The last report of tokens among the events of a stream."""
    return next(each.usage for each in reversed(events) if getattr(each, "usage", None) is not None)


@each_wire
@pytest.mark.parametrize("words", ["", "Let me look it up."])
@pytest.mark.parametrize("word", ["tool_calls", "TOOL_USE", "function_call", "unexpected_tool_call"])
async def test_a_promised_call_that_is_missing_is_no_answer(
    ask: Any, name: str, word: str, words: str
) -> None:
    """Not even beside words, which would be taken for the whole answer."""
    wire = WIRES[name]
    async with ask(wire.kind, httpx.Response(200, json=worded(name, wire.whole(words), word))) as server:
        with pytest.raises(InvalidResponseError, match="a tool call is missing") as caught:
            await server.complete(model="m")
    assert caught.value.retryable
    content = wire.written(worded(name, wire.pieces(words), word))
    async with ask(wire.kind, httpx.Response(200, content=content)) as server:
        with pytest.raises(InvalidResponseError, match="a tool call is missing"):
            await server.stream(model="m")


@each_wire
@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "malformed_tool_use", "malformed_model_output"])
async def test_an_answer_that_its_provider_could_not_read_is_no_answer(
    ask: Any, name: str, word: str
) -> None:
    """A part of it is missing, even if there are words."""
    wire = WIRES[name]
    async with ask(wire.kind, httpx.Response(200, json=worded(name, wire.whole("Well."), word))) as server:
        with pytest.raises(InvalidResponseError, match="answer is broken: "):
            await server.complete(model="m")
    content = wire.written(worded(name, wire.pieces("Well."), word))
    async with ask(wire.kind, httpx.Response(200, content=content)) as server:
        with pytest.raises(InvalidResponseError, match="answer is broken: "):
            await server.stream(model="m")


async def test_a_call_that_was_unexpected_is_there(ask: Any) -> None:
    """Gemini sends it beside a finish reason that is its own."""
    body = worded("gemini", gemini_whole("", (("a", "look", {}),)), "UNEXPECTED_TOOL_CALL")
    async with ask(Gemini, httpx.Response(200, json=body)) as server:
        answer = await server.complete()
    assert [call.name for call in answer.tool_calls] == ["look"]
    assert answer.finish_reason is FinishReason.OTHER


CALL = {"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}}


@pytest.mark.parametrize("repeated", [True, False])
async def test_the_promise_may_come_before_the_call(ask: Any, repeated: bool) -> None:
    """Gateways send the finish reason too early, or with every chunk."""
    chunks = [
        chat_chunk({"content": "Well."}, "tool_calls"),
        chat_chunk({"tool_calls": [CALL]}, "tool_calls" if repeated else None),
    ]
    async with ask(Chat, httpx.Response(200, content=as_chat(chunks))) as server:
        answer = collected(await server.stream())
    assert (answer.text, [call.name for call in answer.tool_calls]) == ("Well.", ["look"])
    assert answer.finish_reason is FinishReason.TOOL_CALLS


async def test_usage_after_an_empty_promise_does_not_keep_it(ask: Any) -> None:
    """The tokens come in a chunk of their own, and count."""
    chunks = [chat_chunk({"content": "Well."}), chat_chunk({}, "tool_calls")]
    chunks.append({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}})
    async with ask(Chat, httpx.Response(200, content=as_chat(chunks))) as server:
        with pytest.raises(InvalidResponseError, match="a tool call is missing"):
            await server.stream()
        assert usage_in(await before_the_error(server)).total == 13


@pytest.mark.parametrize("name", ["openai", "gemini", "anthropic", "converse", "ollama"])
async def test_what_breaks_after_an_empty_promise_is_no_end(ask: Any, streamed: Any, name: str) -> None:
    """The call may have been lost with the connection."""
    wire = WIRES[name]
    pieces = worded(name, wire.pieces("Well."), "tool_calls")
    if name in ("anthropic", "converse"):
        pieces = pieces[:-1]  # their last event ends the answer
    content = wire.written(pieces).replace(b"data: [DONE]\n\n", b"")
    chunks = split(content) if name == "converse" else [content]
    async with ask(wire.kind, streamed(*chunks, ConnectionFailedError("reset", provider="x"))) as server:
        with pytest.raises(InvalidResponseError, match="a tool call is missing"):
            await server.stream(model="m")


@each_wire
@pytest.mark.parametrize("word", ["content_filter", "tool_calls", "error"])
async def test_the_tokens_of_a_stream_without_an_answer_are_reported(ask: Any, name: str, word: str) -> None:
    """They are paid, whatever the finish reason is."""
    wire = WIRES[name]
    content = wire.written(worded(name, wire.pieces("", (), wire.counts(9, 4)), word))
    async with ask(wire.kind, httpx.Response(200, content=content)) as server:
        events = await before_the_error(server)
    assert usage_in(events).total == 13
