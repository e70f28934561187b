"""What came goes back: an answer that calls a tool, in the history of the next request."""

from __future__ import annotations

from typing import Any

import pytest
from google.genai import types

from ranvier.messages import Message, Request
from ranvier.messages.collector import Collector
from support.oracles.asking_both import ADAPTERS, LIMITS, MODELS
from support.oracles.comparing_letters import AT_ALL_TIMES, differences
from support.oracles.postbox import Postbox
from support.oracles.vendors import KEY, anthropic_at, gemini_at, openai_at
from support.providers.asking import opened_at
from support.providers.seven import body

pytestmark = pytest.mark.once

QUESTION, RESULT, LIMIT = "Hi", "Sunny, 21 °C", 4000


async def ours(provider: str, url: str, streamed: bool) -> None:
    """Our adapter's two requests."""
    question, model = Message.user(QUESTION), MODELS[provider]
    async with opened_at(url, ADAPTERS[provider]) as asked:
        if streamed:
            collector = Collector()
            for event in await asked.stream(model=model, key=KEY):
                collector.add(event)
            answer = collector.response("", "")
        else:
            answer = await asked.complete(model=model, key=KEY)
        result = Message.tool(answer.tool_calls[0].id, RESULT)
        again = Request((question, answer.message, result), max_tokens=LIMIT)
        await (asked.stream if streamed else asked.complete)(again, model=model, key=KEY)


async def openai(provider: str, url: str, streamed: bool) -> None:
    """The SDK's, with the message as it came."""
    question: Any = {"role": "user", "content": QUESTION}
    counted: Any = {"stream_options": {"include_usage": True}}
    limit = LIMITS.get(provider, "max_tokens")

    async with openai_at(url) as client:

        async def said(*messages: Any) -> Any:
            asked: Any = {"model": MODELS[provider], "messages": messages, limit: LIMIT}
            if not streamed:
                return (await client.chat.completions.create(**asked)).choices[0].message
            async with client.chat.completions.stream(**asked, **counted) as stream:
                return (await stream.get_final_completion()).choices[0].message

        answer = await said(question)
        result = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": RESULT}
        await said(question, answer, result)


async def responses(provider: str, url: str, streamed: bool) -> None:
    """The SDK's, with the items as they came."""
    question: Any = {"role": "user", "content": QUESTION}

    async with openai_at(url) as client:

        async def said(*items: Any) -> Any:
            asked: Any = {"model": MODELS[provider], "input": items, LIMITS[provider]: LIMIT}
            if not streamed:
                return (await client.responses.create(**asked)).output
            async for event in await client.responses.create(**asked, stream=True):
                last: Any = event
            return last.response.output

        items = await said(question)
        result = {"type": "function_call_output", "call_id": items[-1].call_id, "output": RESULT}
        await said(question, *items, result)


async def anthropic(provider: str, url: str, streamed: bool) -> None:
    """The SDK's, with the blocks as they came."""
    question: Any = {"role": "user", "content": QUESTION}

    async with anthropic_at(url) as client:

        async def said(*messages: Any) -> Any:
            asked: Any = {"model": MODELS[provider], "max_tokens": LIMIT, "messages": messages}
            if not streamed:
                return (await client.messages.create(**asked)).content
            async with client.messages.stream(**asked) as stream:
                return (await stream.get_final_message()).content

        blocks = await said(question)
        result = {"type": "tool_result", "tool_use_id": blocks[-1].id, "content": RESULT}
        await said(question, {"role": "assistant", "content": blocks}, {"role": "user", "content": [result]})


async def gemini(provider: str, url: str, streamed: bool) -> None:
    """The SDK's, with the parts as they came."""
    async with gemini_at(url) as client:

        async def said(*contents: Any) -> list[types.Part]:
            settings = types.GenerateContentConfig(max_output_tokens=LIMIT)
            asked: Any = {"model": MODELS[provider], "contents": list(contents), "config": settings}
            if not streamed:
                return (await client.models.generate_content(**asked)).parts or []
            pieces = await client.models.generate_content_stream(**asked)
            return [part async for piece in pieces for part in piece.parts or ()]

        question = types.UserContent(QUESTION)
        parts = await said(question)
        [call] = [part.function_call for part in parts if part.function_call]
        answer = types.FunctionResponse(id=call.id, name=call.name, response={"result": RESULT})
        result = types.UserContent([types.Part(function_response=answer)])
        kept = [part for part in parts if not part.thought]  # a summary, which signs nothing and is not read
        await said(question, types.ModelContent(kept), result)


SDKS = {
    "anthropic": anthropic,
    "gemini": gemini,
    "responses": responses,
    **dict.fromkeys(("openai", "kimi", "glm", "openrouter"), openai),
}

EVERY_WAY: dict[str, dict[str, str]] = {
    "gemini": {
        "contents[1].parts[1].functionCall.id": "Gemini gave none, so that it is ours",
        "contents[2].parts[0].functionResponse.id": "Gemini gave none, so that it is ours",
    },
    "responses": {
        **dict.fromkeys(
            ("input[2].id", "input[2].status", "input[3].id", "input[3].status"),
            "the server has stored nothing of these names",
        ),
        **dict.fromkeys(
            (
                "input[2].type",
                *("input[2].content", "input[2].content[0].type", "input[2].content[0].text"),
                *("input[2].content[0].annotations", "input[2].content[0].logprobs"),
            ),
            "words go back as a text",
        ),
    },
    "glm": {"messages[1].content": "a turn without words has none, the SDK sends an empty word back"},
    "openrouter": {"messages[1].reasoning": "it is for reading; `reasoning_details` are what goes back"},
}
"""Places in which our second request differs from that of the SDK, and why."""

WHOLE: dict[str, dict[str, str]] = {
    "openai": {"messages[1].annotations": "the SDK sends an empty list of them back"},
}
"""The same where the answer came whole."""

_NUMBERED = {"messages[1].tool_calls[0].index": "the SDK keeps the number that the call had in the stream"}
_JOINED = {"messages[1].role": "the SDK joins the roles of all chunks: `assistantassistant`"}

STREAMED: dict[str, dict[str, str]] = {
    "openai": {**_NUMBERED, "messages[1].content": "a turn without words has none"},
    "kimi": _NUMBERED,
    "glm": {**_NUMBERED, **_JOINED},
    "openrouter": {
        **_NUMBERED,
        **_JOINED,
        "messages[1].reasoning_details[0].format": "the SDK joins the formats of all chunks, too",
    },
}
"""The same where it was streamed."""


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", ADAPTERS)
async def test_what_came_goes_back(postbox: Postbox, provider: str, streamed: bool) -> None:
    """Words, thoughts, signatures and calls go back as the SDK sends back what it was given."""
    postbox.answers(body(provider, f"tools.{'stream' if streamed else 'json'}"), streamed=streamed)
    url = f"{postbox.url}/v1beta"
    await ours(provider, url, streamed)
    await SDKS[provider](provider, url, streamed)
    _, mine, _, theirs = postbox.letters
    tables = (AT_ALL_TIMES, EVERY_WAY, STREAMED if streamed else WHOLE)
    allowed = {place for table in tables for place in table.get(provider, ())}
    assert differences(mine, theirs).keys() == allowed
