"""Values of another type than an API promises, where they mean nothing: no answer is lost to them."""

from typing import Any

import httpx
import pytest

from ranvier.errors import ContentFilterError, InvalidResponseError
from ranvier.messages import FinishReason
from ranvier.providers import Anthropic, Gemini, Ollama, OpenRouter
from support.providers.five_wires import as_chat, as_sse, chat_chunk, chat_whole
from support.providers.openai_apis import Chat
from support.providers.seven import collected


@pytest.mark.parametrize("nothing", [None, [], {}, ""], ids=repr)
@pytest.mark.parametrize(
    "field", ["tool_calls", "function_call", "refusal", "reasoning_content", "annotations"]
)
async def test_a_field_that_is_empty_is_absent(ask: Any, field: str, nothing: Any) -> None:
    """Whatever type the empty value has; PHP writes an empty object as a list."""
    whole = chat_whole("hello")
    whole["choices"][0]["message"][field] = nothing
    async with ask(Chat, httpx.Response(200, json=whole)) as server:
        assert (await server.complete()).text == "hello"
    chunks = [chat_chunk({"content": "hello", field: nothing}), chat_chunk({}, "stop")]
    async with ask(Chat, httpx.Response(200, content=as_chat(chunks))) as server:
        assert collected(await server.stream()).text == "hello"


async def test_null_in_a_list_is_left_out(ask: Any, streamed: Any) -> None:
    """Of choices, of blocks and of parts."""
    chunks = [chat_chunk({"content": "hello"}), {"choices": [None]}, chat_chunk({}, "stop")]
    async with ask(Chat, streamed(as_chat(chunks))) as server:
        assert collected(await server.stream()).text == "hello"
    message = {"content": [None, {"type": "text", "text": "hello"}], "stop_reason": "end_turn"}
    async with ask(Anthropic, httpx.Response(200, json=message)) as server:
        assert (await server.complete()).text == "hello"


THOUGHTS = {
    "a part": {"text": "hm"},
    "parts": [{"type": "text", "text": "h"}, {"text": "m"}],
    "texts": ["hm"],
}


@pytest.mark.parametrize("thought", THOUGHTS.values(), ids=THOUGHTS)
async def test_reasoning_in_parts_is_read(ask: Any, thought: Any) -> None:
    """Whole and streamed."""
    whole = chat_whole("hello")
    whole["choices"][0]["message"]["reasoning"] = thought
    async with ask(Chat, httpx.Response(200, json=whole)) as server:
        answer = await server.complete()
    chunks = [chat_chunk({"reasoning_content": thought}), chat_chunk({"content": "hello"}, "stop")]
    async with ask(Chat, httpx.Response(200, content=as_chat(chunks))) as server:
        streamed = collected(await server.stream())
    assert (answer.text, answer.reasoning) == (streamed.text, streamed.reasoning) == ("hello", "hm")


DETAILS = {
    "text": [{"type": "reasoning.text", "text": "h", "index": 0}, {"type": "reasoning.text", "text": "m"}],
    "a summary": [{"type": "reasoning.summary", "summary": "hm"}],
    "beside a secret": [
        {"type": "reasoning.summary", "summary": "hm"},
        {"type": "reasoning.encrypted", "data": "x"},
    ],
}


@pytest.mark.parametrize("kind", [Chat, OpenRouter], ids=["openai", "openrouter"])
@pytest.mark.parametrize("details", DETAILS.values(), ids=DETAILS)
async def test_details_of_reasoning_alone_are_reasoning(ask: Any, kind: Any, details: Any) -> None:
    """Where nothing stands beside them: whole and streamed; what is told beside them is not told twice."""
    for beside in ({}, {"reasoning": None}, {"reasoning": "hm"}):
        whole = chat_whole("hello")
        whole["choices"][0]["message"] |= {"reasoning_details": details, **beside}
        async with ask(kind, httpx.Response(200, json=whole)) as server:
            answer = await server.complete(model="m")
        thought = {"reasoning_details": details, **beside}
        chunks = [chat_chunk(thought), chat_chunk({"content": "hello", "reasoning_details": []}, "stop")]
        async with ask(kind, httpx.Response(200, content=as_chat(chunks))) as server:
            streamed = collected(await server.stream(model="m"))
        assert (answer.text, answer.reasoning) == (streamed.text, streamed.reasoning) == ("hello", "hm")


@pytest.mark.parametrize(
    ("field", "thought"),
    [
        ("reasoning_text", "hm"),
        ("thinking", "hm"),
        ("thinking_blocks", [{"type": "thinking", "thinking": "hm", "signature": "s"}]),
    ],
)
async def test_reasoning_under_another_name_is_read(ask: Any, field: str, thought: Any) -> None:
    """As gateways write it: whole and streamed; and only once beside the usual name."""
    for beside in ({}, {"reasoning_content": "hm"}):
        whole = chat_whole("hello")
        whole["choices"][0]["message"] |= {field: thought, **beside}
        async with ask(Chat, httpx.Response(200, json=whole)) as server:
            answer = await server.complete()
        chunks = [chat_chunk({field: thought, **beside}), chat_chunk({"content": "hello"}, "stop")]
        async with ask(Chat, httpx.Response(200, content=as_chat(chunks))) as server:
            streamed = collected(await server.stream())
        assert (answer.text, answer.reasoning) == (streamed.text, streamed.reasoning) == ("hello", "hm")


async def test_a_chunk_in_place_of_a_whole_answer_is_read(ask: Any) -> None:
    """Its message is called a delta."""
    async with ask(Chat, httpx.Response(200, json=chat_chunk({"content": "hello"}, "stop"))) as server:
        assert (await server.complete()).text == "hello"


async def test_calls_in_the_message_at_the_end_are_read(ask: Any) -> None:
    """Where the deltas had only the text; where they had the calls, these come once."""
    call = {"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}}
    last = chat_chunk({}, "tool_calls")
    last["choices"][0]["message"] = {"content": "hello", "tool_calls": [call]}
    for delta in ({"content": "hello"}, {"content": "hello", "tool_calls": [call]}):
        async with ask(Chat, httpx.Response(200, content=as_chat([chat_chunk(delta), last]))) as server:
            answer = collected(await server.stream())
        assert (answer.text, [each.id for each in answer.tool_calls]) == ("hello", ["a"])
        assert answer.finish_reason is FinishReason.TOOL_CALLS


async def test_the_choice_that_counts_is_the_first_by_its_index(ask: Any) -> None:
    """As in a stream, where they come in any order."""
    whole = chat_whole("hello")
    whole["choices"].insert(0, {"index": 1, "message": {"content": "other"}, "finish_reason": "stop"})
    async with ask(Chat, httpx.Response(200, json=whole)) as server:
        assert (await server.complete()).text == "hello"


# --- finish reasons ------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", ["content_filter: SAFETY", "PROHIBITED_CONTENT", "refusal"])
async def test_the_words_of_other_apis_for_a_content_filter(ask: Any, raw: str) -> None:
    """Gateways forward them; Google's own endpoint writes its reason behind the word."""
    whole = chat_whole(None)
    whole["choices"][0]["finish_reason"] = raw
    async with ask(Chat, httpx.Response(200, json=whole)) as server:
        with pytest.raises(ContentFilterError):
            await server.complete()
    async with ask(Chat, httpx.Response(200, content=as_chat([chat_chunk({}, raw)]))) as server:
        with pytest.raises(ContentFilterError):
            await server.stream()


async def test_a_prompt_that_was_not_blocked_is_answered(ask: Any) -> None:
    """Gemini's word for no reason is none."""
    candidate = {"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"}
    feedback = {"blockReason": "BLOCK_REASON_UNSPECIFIED"}
    body = {"candidates": [candidate], "promptFeedback": feedback}
    async with ask(Gemini, httpx.Response(200, json=body)) as server:
        assert (await server.complete()).text == "hello"


async def test_a_call_under_the_name_of_python_is_a_call(ask: Any) -> None:
    """Proxies that are written with Google's SDK send it so."""
    parts = [{"function_call": {"name": "look", "args": {"at": "it"}}}]
    async with ask(
        Gemini, httpx.Response(200, json={"candidates": [{"content": {"parts": parts}}]})
    ) as server:
        (call,) = (await server.complete()).tool_calls
    assert (call.name, call.arguments) == ("look", {"at": "it"})


@pytest.mark.parametrize("reason", ["load", "unload"])
async def test_a_model_that_was_only_loaded_has_not_answered(ask: Any, streamed: Any, reason: str) -> None:
    """Ollama says so where it was asked nothing: the next target is asked."""
    body = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": reason}
    async with ask(Ollama, httpx.Response(200, json=body)) as server:
        with pytest.raises(InvalidResponseError, match=reason):
            await server.complete()


# --- Anthropic -----------------------------------------------------------------------------------

START = {"type": "message_start", "message": {"id": "m1", "model": "m", "usage": {"input_tokens": 25}}}
STOP = {"type": "message_stop"}


def ended(reason: str = "end_turn", **usage: int) -> dict[str, Any]:
    """The event with the stop reason."""
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3, **usage}}


def piece(kind: str, **delta: Any) -> dict[str, Any]:
    """A delta of the first block."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **delta}}


WORDS = piece("text_delta", text="hello")


async def test_a_count_of_zero_replaces_no_other(ask: Any, streamed: Any) -> None:
    """Gateways repeat the usage at the end with zeros for what they know only at the start."""
    events = [START, WORDS, ended(input_tokens=0, cache_read_input_tokens=0), STOP]
    async with ask(Anthropic, streamed(as_sse(events))) as server:
        usage = collected(await server.stream()).usage
    assert (usage.input, usage.output, usage.complete) == (25, 3, True)


async def test_usage_of_zeros_replaces_no_other(ask: Any, streamed: Any) -> None:
    """A last chunk may report nothing but zeros."""
    told = {"prompt_tokens": 5, "completion_tokens": 2}
    chunks = [
        chat_chunk({"content": "hello"}, usage=told),
        chat_chunk({}, "stop", usage=dict.fromkeys(told, 0)),
    ]
    async with ask(Chat, streamed(as_chat(chunks))) as server:
        usage = collected(await server.stream()).usage
    assert (usage.input, usage.output) == (5, 2)


async def test_thoughts_without_a_start_are_read_like_words_without_one(ask: Any, streamed: Any) -> None:
    """And a delta of a kind that nobody knows is skipped."""
    stop = {"type": "content_block_stop", "index": 0}
    events = [START, piece("thinking_delta", thinking="hm"), stop, WORDS, piece("new_delta"), ended(), STOP]
    async with ask(Anthropic, streamed(as_sse(events))) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.reasoning) == ("hello", "hm")


async def test_a_call_of_a_tool_is_the_finish_reason_whatever_the_server_says(ask: Any) -> None:
    """Servers that speak Anthropic's API end a turn with calls like any other."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    body = {"content": [block], "stop_reason": "end_turn"}
    async with ask(Anthropic, httpx.Response(200, json=body)) as server:
        answer = await server.complete()
    assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.TOOL_CALLS, "end_turn")


@pytest.mark.parametrize("content", ["hello", [{"text": "hello"}]], ids=["a text", "a block without a type"])
async def test_content_that_is_text_is_read(ask: Any, content: Any) -> None:
    """Instead of a block of text."""
    async with ask(
        Anthropic, httpx.Response(200, json={"content": content, "stop_reason": "end_turn"})
    ) as server:
        assert (await server.complete()).text == "hello"


async def test_a_refusal_without_content_is_a_refusal(ask: Any) -> None:
    """The content may be null."""
    async with ask(
        Anthropic, httpx.Response(200, json={"content": None, "stop_reason": "refusal"})
    ) as server:
        with pytest.raises(ContentFilterError):
            await server.complete()
