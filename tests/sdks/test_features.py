"""Features of the official SDKs that look at more of a reply than its words, over our transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types
from pydantic import BaseModel

from ranvier import Deployment, Pipeline
from ranvier.integrations import transport
from ranvier.layers import Fallback, Retry
from ranvier.providers import Anthropic, Gemini, OpenAI
from ranvier.simulator import Cut, Say, Simulator

ASKED: list[Any] = [{"role": "user", "content": "Name a lake."}]
GPT, CLAUDE, GEMINI = "gpt-5.2", "claude-sonnet-5", "gemini-3.6-flash"


class Lake(BaseModel):
    name: str
    depth: int


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[httpx2.AsyncClient]:
    """The HTTP client of all SDKs, over one pipeline."""
    url = simulator.url("openai")
    pipeline = Pipeline(
        Fallback(
            Deployment(OpenAI("sk-ours", api="chat", base_url=url), GPT),
            Deployment(OpenAI("sk-ours", api="responses", base_url=url, name="responses"), GPT),
            Deployment(Anthropic("sk-ours", base_url=simulator.url("anthropic")), CLAUDE),
            Deployment(Gemini("sk-ours", base_url=simulator.url("gemini")), GEMINI),
        ),
        Retry(max_retries=0),
    )
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        yield client


@pytest.fixture
def gpt(http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="sk-sdk", http_client=http, max_retries=0)


async def test_a_raw_response_has_its_headers_and_its_time(gpt: openai.AsyncOpenAI) -> None:
    """As `with_raw_response` promises."""
    raw = await gpt.chat.completions.with_raw_response.create(model=GPT, messages=ASKED)
    assert raw.headers["x-request-id"]
    assert raw.elapsed.total_seconds() > 0
    assert raw.parse().choices[0].message.content


async def test_answers_are_parsed_whole_and_streamed(gpt: openai.AsyncOpenAI) -> None:
    """By the helpers for chat completions and for Responses."""
    chat = await gpt.chat.completions.parse(model=GPT, messages=ASKED, response_format=Lake)
    assert isinstance(chat.choices[0].message.parsed, Lake)
    response = await gpt.responses.parse(model=GPT, input="Name a lake.", text_format=Lake)
    assert isinstance(response.output_parsed, Lake)
    async with gpt.chat.completions.stream(model=GPT, messages=ASKED, response_format=Lake) as chunks:
        assert isinstance((await chunks.get_final_completion()).choices[0].message.parsed, Lake)
    async with gpt.responses.stream(model=GPT, input="Name a lake.", text_format=Lake) as events:
        assert isinstance((await events.get_final_response()).output_parsed, Lake)


async def test_a_broken_stream_of_responses_is_raised(gpt: openai.AsyncOpenAI, simulator: Simulator) -> None:
    """And not one more event, which a reader may overlook."""
    simulator.play("openai", Cut(after=3))
    stream = await gpt.responses.create(model=GPT, input="Why?", stream=True)
    with pytest.raises(openai.APIError, match="broke"):
        async for _ in stream:
            pass


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_refusal_is_an_answer_to_an_sdk(
    streamed: bool, http: httpx2.AsyncClient, gpt: openai.AsyncOpenAI, simulator: Simulator
) -> None:
    """Each knows it by a name of its own."""
    for provider in ("openai", "anthropic", "gemini"):
        simulator.play(provider, Say("", finish="content_filter"))
    claude = anthropic.AsyncAnthropic(api_key="sk-sdk", http_client=http, max_retries=0)
    gemini = genai.Client(api_key="sk-sdk", http_options=types.HttpOptions(httpx_async_client=http)).aio
    asked: dict[str, Any] = {"model": CLAUDE, "max_tokens": 50, "messages": ASKED}
    if streamed:
        chunks = await gpt.chat.completions.create(model=GPT, messages=ASKED, stream=True)
        reasons = [chunk.choices[0].finish_reason async for chunk in chunks if chunk.choices]
        async with claude.messages.stream(**asked) as stream:
            message = await stream.get_final_message()
        pieces = await gemini.models.generate_content_stream(model=GEMINI, contents="Why?")
        (feedback,) = [piece.prompt_feedback async for piece in pieces]
    else:
        reasons = [(await gpt.chat.completions.create(model=GPT, messages=ASKED)).choices[0].finish_reason]
        message = await claude.messages.create(**asked)
        feedback = (await gemini.models.generate_content(model=GEMINI, contents="Why?")).prompt_feedback
    assert reasons[-1] == "content_filter"
    assert message.stop_reason == "refusal"
    assert feedback is not None
    assert feedback.block_reason == "PROHIBITED_CONTENT"
