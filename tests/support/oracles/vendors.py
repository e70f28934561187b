"""What the official SDKs understand of an answer. Nothing of ours has a part in it.

Each of these opens a client of an SDK, and gives a function that asks a server for an answer, whole or
streamed, and says in the fields of the SDK's own types what came. The SDK puts a stream together itself
where it can (OpenAI, Anthropic); Google's cannot: there the pieces are joined as its documentation does.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anthropic
import httpx
import openai
from google import genai
from google.genai import types

from support.oracles.answers import Answer

KEY = "sk-simulated-9999"
PROMPT: Any = [{"role": "user", "content": "Hi"}]

Reads = Callable[..., Awaitable[Answer]]
"""Asks `model`, `streamed` or not, with further fields of the SDK's."""


# --- OpenAI, and who speaks its dialect ----------------------------------------------------------


def openai_at(url: str) -> openai.AsyncOpenAI:
    """A client without retries, and without certificates, whose reading takes longer than an answer."""
    http = openai.DefaultAsyncHttpxClient(verify=False)
    return openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0, http_client=http)


@asynccontextmanager
async def openai_reading(url: str) -> AsyncIterator[Reads]:
    """What `openai` makes of a chat completion."""

    async def read(*, model: str, streamed: bool, **fields: Any) -> Answer:
        asked = {"model": model, "messages": PROMPT, **fields}
        if not streamed:
            return _of_completion(await client.chat.completions.create(**asked))
        usage, counted = None, {"include_usage": True}
        async with client.chat.completions.stream(**asked, stream_options=counted) as stream:
            try:
                async for event in stream:
                    if event.type == "chunk":
                        usage = _usage_in(event.chunk) or usage
                return _of_completion(await stream.get_final_completion(), usage)
            except openai.LengthFinishReasonError as cut_short:  # an answer all the same
                return _of_completion(cut_short.completion, usage)

    async with openai_at(url) as client:
        yield read


def _usage_in(chunk: Any) -> Any:
    """What a chunk counts: Kimi says it in the choice, which no type of the SDK knows."""
    return chunk.usage or next((_added(choice, "usage") for choice in chunk.choices), None)


def _of_completion(completion: Any, usage: Any = None) -> Answer:
    choice, usage = completion.choices[0], _plain(usage or completion.usage)
    message = choice.message
    prompt, answer = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    return Answer(
        text=message.content or "",
        reasoning=_added(message, "reasoning_content") or _added(message, "reasoning") or "",
        tools=tuple(_calls(message)),
        finish=choice.finish_reason,
        input=usage.get("prompt_tokens") or 0,
        output=usage.get("completion_tokens") or 0,
        cached=prompt.get("cached_tokens") or usage.get("cached_tokens") or 0,
        written=prompt.get("cache_write_tokens") or 0,
        thought=answer.get("reasoning_tokens") or 0,
        id=completion.id,
        model=completion.model,
    )


def _calls(message: Any) -> list[tuple[str | None, str, Any]]:
    """The calls of a message, or the one call that there was before there were tools."""
    calls = [(call.id, call.function) for call in message.tool_calls or ()]
    if not calls and message.function_call and message.function_call.name:
        calls = [(None, message.function_call)]
    return [(given, called.name, _parsed(called.arguments)) for given, called in calls]


def _added(part: Any, name: str) -> Any:
    """A field that other providers add."""
    return getattr(part, name, None)


def _plain(usage: Any) -> dict[str, Any]:
    plain: dict[str, Any] = usage.model_dump() if hasattr(usage, "model_dump") else usage or {}
    return plain


def _parsed(arguments: str) -> Any:
    """Arguments as an object, or as they came where they are none."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


@asynccontextmanager
async def responses_reading(url: str) -> AsyncIterator[Reads]:
    """What `openai` makes of a response."""

    async def read(*, model: str, streamed: bool, **fields: Any) -> Answer:
        asked = {"model": model, "input": PROMPT, **fields}
        if not streamed:
            return _of_response(await client.responses.create(**asked))
        last: Any = None
        async for event in await client.responses.create(**asked, stream=True):
            last = event
        return _of_response(last.response)

    async with openai_at(url) as client:
        yield read


def _of_response(response: Any) -> Answer:
    usage = _plain(response.usage)
    prompt, answer = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    thoughts = [
        part.text
        for item in response.output
        if item.type == "reasoning"
        for part in (*(item.summary or ()), *(item.content or ()))
    ]
    calls = [item for item in response.output if item.type == "function_call"]
    details = response.incomplete_details
    return Answer(
        text=response.output_text,
        reasoning="\n\n".join(filter(None, thoughts)),
        tools=tuple((call.call_id, call.name, _parsed(call.arguments)) for call in calls),
        finish=(details and details.reason) or response.status,
        input=usage.get("input_tokens") or 0,
        output=usage.get("output_tokens") or 0,
        cached=prompt.get("cached_tokens") or 0,
        written=prompt.get("cache_write_tokens") or 0,
        thought=answer.get("reasoning_tokens") or 0,
        id=response.id,
        model=response.model,
    )


# --- Anthropic -----------------------------------------------------------------------------------


def anthropic_at(url: str) -> anthropic.AsyncAnthropic:
    """A client without retries, and without certificates."""
    http = anthropic.DefaultAsyncHttpxClient(verify=False)
    return anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0, http_client=http)


@asynccontextmanager
async def anthropic_reading(url: str) -> AsyncIterator[Reads]:
    """What `anthropic` makes of a message."""

    async def read(*, model: str, streamed: bool, **fields: Any) -> Answer:
        asked = {"model": model, "max_tokens": 4000, "messages": PROMPT, **fields}
        if not streamed:
            return _of_message(await client.messages.create(**asked))
        async with client.messages.stream(**asked) as stream:
            return _of_message(await stream.get_final_message())

    async with anthropic_at(url) as client:
        yield read


def _of_message(message: Any) -> Answer:
    blocks, usage = message.content, message.usage
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    details = usage.output_tokens_details
    return Answer(
        text="".join(block.text for block in blocks if block.type == "text"),
        reasoning="".join(block.thinking for block in blocks if block.type == "thinking"),
        tools=tuple((block.id, block.name, block.input) for block in blocks if block.type == "tool_use"),
        finish=message.stop_reason,
        input=usage.input_tokens + read + written,  # those stand beside it
        output=usage.output_tokens,
        cached=read,
        written=written,
        thought=(details.thinking_tokens or 0) if details else 0,
        id=message.id,
        model=message.model,
    )


# --- Gemini --------------------------------------------------------------------------------------


@asynccontextmanager
async def gemini_at(url: str) -> AsyncIterator[genai.client.AsyncClient]:
    """A client without certificates, over httpx: beside aiohttp, the SDK would derive a class from its own.

    The SDK puts the version of the API behind the address itself.
    """
    base = url.removesuffix("/v1beta")
    async with httpx.AsyncClient(verify=False) as over:
        options = types.HttpOptions(base_url=base, api_version="v1beta", httpx_async_client=over)
        client = genai.Client(api_key=KEY, http_options=options)
        try:
            yield client.aio
        finally:
            client.close()


@asynccontextmanager
async def gemini_reading(url: str) -> AsyncIterator[Reads]:
    """What `google-genai` makes of an answer."""

    async def read(*, model: str, streamed: bool, contents: Any = "Hi", **config: Any) -> Answer:
        settings = types.GenerateContentConfig(**config) if config else None
        asked: dict[str, Any] = {"model": model, "contents": contents, "config": settings}
        if not streamed:
            return _of_pieces([await client.models.generate_content(**asked)])
        return _of_pieces([piece async for piece in await client.models.generate_content_stream(**asked)])

    async with gemini_at(url) as client:
        yield read


def _of_pieces(pieces: list[types.GenerateContentResponse]) -> Answer:
    parts = [part for piece in pieces for part in piece.parts or ()]
    usage = next((piece.usage_metadata for piece in reversed(pieces) if piece.usage_metadata), None)
    usage = usage or types.GenerateContentResponseUsageMetadata()
    reasons = [candidate.finish_reason for piece in pieces for candidate in (piece.candidates or ())[:1]]
    finish = next(filter(None, reasons), None)
    calls = [part.function_call for part in parts if part.function_call]
    return Answer(
        text="".join(part.text or "" for part in parts if not part.thought),
        reasoning="".join(part.text or "" for part in parts if part.thought),
        tools=tuple((call.id, call.name or "", call.args or {}) for call in calls),
        finish=finish.value if finish else None,
        input=(usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
        output=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        cached=usage.cached_content_token_count or 0,
        thought=usage.thoughts_token_count or 0,
        id=pieces[0].response_id,
        model=pieces[0].model_version,
    )


READING: dict[str, Callable[[str], AbstractAsyncContextManager[Reads]]] = {
    "anthropic": anthropic_reading,
    "gemini": gemini_reading,
    "responses": responses_reading,
    **dict.fromkeys(("openai", "kimi", "glm", "openrouter"), openai_reading),
}
"""Which SDK reads the answers of which provider; Ollama's hands the body through, and tells nothing new."""
