"""A real server's answers: how long, ended by what, counted how, whole and in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ranvier import FinishReason, Message, Response, Tool, ToolCall
from ranvier.layers import Retry
from support.real_server.llama_server import Dialect, LlamaServer, chat_completions, pieces, pipeline
from support.real_server.tiny_model import END

pytestmark = pytest.mark.once

PROMPT = "user: Hi\nassistant: "
"""What the template makes of "Hi"; a token is a character, and one more begins the prompt."""


async def streamed(answers: Any, prompt: Any, **settings: Any) -> Response:
    """The answer collected from a stream, which came in the pieces that it is made of."""
    async with answers.stream(prompt, **settings) as stream:
        heard = [piece async for piece in pieces(stream)]
    assert "".join(heard) == stream.response.text
    assert len(heard) > 1
    return stream.response


@pytest.fixture(params=["whole", "streamed"])
def ask(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Ask for an answer, whole or streamed."""

    async def whole(answers: Any, prompt: Any, **settings: Any) -> Response:
        return await answers.complete(prompt, **settings)

    return whole if request.param == "whole" else streamed  # type: ignore[return-value]


async def test_a_limit_ends_the_answer(wide: LlamaServer, dialect: Dialect, ask: Any) -> None:
    """`max_tokens` holds to the token, and is told as the reason."""
    async with pipeline(dialect(wide)) as answers:
        response = await ask(answers, "Hi", max_tokens=23)
    assert len(response.text) == 23
    assert response.finish_reason is FinishReason.LENGTH
    assert response.model == "tiny"
    assert response.id


async def test_tokens_are_counted(wide: LlamaServer, dialect: Dialect, ask: Any) -> None:
    """Usage is that of the server, also where a part of the prompt was still in its cache."""
    # Now and then it closes a connection after a streamed answer without a word, and meets the next request.
    again = Retry(max_retries=2, base_delay=0)
    async with pipeline(dialect(wide), again) as answers:
        for _ in range(3):
            usage = (await ask(answers, "Hi", max_tokens=9)).usage
            assert (usage.input, usage.output, usage.total) == (len(PROMPT) + 1, 9, len(PROMPT) + 10)
            assert usage.complete
    assert 0 < usage.cache_read < usage.input


async def test_whole_and_streamed_are_the_same_answer(wide: LlamaServer, dialect: Dialect) -> None:
    """Without chance, both ways bring the same words, reason and count."""
    async with pipeline(dialect(wide)) as answers:
        whole = await answers.complete("Hi", max_tokens=60, temperature=0)
        collected = await streamed(answers, "Hi", max_tokens=60, temperature=0)
    assert (whole.text, whole.finish_reason, whole.usage.output) == (
        collected.text,
        collected.finish_reason,
        collected.usage.output,
    )


async def test_a_stop_sequence_ends_the_answer(wide: LlamaServer, dialect: Dialect, ask: Any) -> None:
    """The answer ends before the sequence, and that is a stop."""
    async with pipeline(dialect(wide)) as answers:
        free = (await answers.complete("Hi", max_tokens=60, temperature=0)).text
        stop = free[20:23]
        response = await ask(answers, "Hi", max_tokens=60, temperature=0, stop=[stop])
    assert response.text == free[: free.index(stop)]
    assert response.finish_reason is FinishReason.STOP


async def test_the_model_ends_the_answer(wide: LlamaServer) -> None:
    """A field of the server's own goes through `extra`: here it gives the last token the word."""
    async with pipeline(chat_completions(wide)) as answers:
        response = await answers.complete("Hi", max_tokens=50, extra={"logit_bias": [[END, 100]]})
    assert response.text == ""
    assert response.finish_reason is FinishReason.STOP


async def test_a_schema_binds_even_noise(wide: LlamaServer) -> None:
    """A JSON schema reaches the server, which lets the model write nothing else."""
    colours = {"enum": ["red", "green"]}
    schema = {"type": "object", "properties": {"colour": colours}, "required": ["colour"]}
    closed = {**schema, "additionalProperties": False}
    async with pipeline(chat_completions(wide)) as answers:
        response = await answers.complete("Hi", max_tokens=200, schema=closed)
    assert response.parsed["colour"] in ("red", "green")


async def test_a_history_with_tools_is_taken(wide: LlamaServer, dialect: Dialect, ask: Any) -> None:
    """A call of a tool and its result, in the history, are what the server takes them for."""
    tool = Tool("weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}})
    history = [
        Message.user("Weather?"),
        Message.assistant("I look.", tool_calls=[ToolCall("call_1", "weather", {"city": "Paris"})]),
        Message.tool("call_1", "Sunny"),
    ]
    told = (
        'user: Weather?\nassistant: I look.\n<call>weather {"city": "Paris"}</call>\ntool: Sunny\nassistant: '
    )
    async with pipeline(dialect(wide)) as answers:
        response = await ask(answers, history, tools=[tool], max_tokens=5)
    assert len(response.text) == 5
    assert response.usage.input == len(told) + 1
