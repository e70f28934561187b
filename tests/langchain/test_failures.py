"""What chat models of LangChain raise, and what the layers make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError, ModelRefusalError
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ranvier import (
    ConnectionFailedError,
    ContentFilterError,
    ContextLengthError,
    InvalidResponseError,
    OverloadedError,
    Pipeline,
    QuotaExceededError,
    RanvierError,
    RateLimitError,
    StreamInterruptedError,
    providers,
)
from ranvier.layers import Deadline, Fallback, Retry, Timeout
from ranvier.simulator import Cut, Simulator
from support.langchain.scripted import Scripted, Streaming
from support.sdks.six_faults import FAULTS


def pipeline_of(model: Any, **settings: Any) -> Pipeline:
    return Pipeline(Fallback(providers.from_langchain(model, name="theirs")), listeners=(), **settings)


async def failure_of(error: Exception) -> Any:
    pipeline = pipeline_of(Scripted(replies=[error]))
    with pytest.raises(RanvierError) as caught:
        await pipeline.complete("Hi")
    return caught.value


async def test_errors_of_langchain_and_of_http_are_mapped() -> None:
    """So that layers know what to do with them."""
    assert isinstance(await failure_of(ContextOverflowError("too long")), ContextLengthError)
    assert isinstance(await failure_of(ModelRateLimitError("slow down")), RateLimitError)
    assert isinstance(await failure_of(ModelRefusalError("I cannot.")), ContentFilterError)
    assert isinstance(await failure_of(httpx.ConnectError("refused")), ConnectionFailedError)
    assert (await failure_of(httpx.ReadTimeout("slow"))).kind == "timeout"


async def test_the_error_of_the_sdk_is_found_below_that_of_the_chat_model() -> None:
    """By the status of its response; without keys."""
    request = httpx.Request("POST", "http://a")
    response = httpx.Response(503, headers={"Retry-After": "7"}, request=request)
    cause = httpx.HTTPStatusError("sk-secret-of-the-model", request=request, response=response)
    error = RuntimeError("the model failed")
    error.__cause__ = cause
    found = await failure_of(error)
    assert (found.status, found.retry_after) == (503, 7)
    assert "sk-secret" not in str(found)


class OfAwsError(Exception):
    """As botocore's."""

    response = {  # noqa: RUF012  # because botocore has it so
        "Error": {"Code": "ThrottlingException", "Message": "Too many requests"},
        "ResponseMetadata": {"HTTPStatusCode": 429},
    }


async def test_an_error_of_aws_is_read() -> None:
    """Whose response is a dict."""
    found = await failure_of(OfAwsError())
    assert isinstance(found, RateLimitError)
    assert found.code == "ThrottlingException"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError({"code": "insufficient_quota", "message": "No credit."}), QuotaExceededError),
        (ValueError("server_is_overloaded: Come back later."), OverloadedError),
        (ValueError("code='rate_limit_exceeded' message='Slow down'"), RateLimitError),
        (ValueError("No generation chunks were returned"), InvalidResponseError),
        (KeyError("Response missing 'choices' key: dict_keys([])"), InvalidResponseError),
        (TypeError("Received response with null value for 'choices'."), InvalidResponseError),
    ],
)
async def test_an_error_inside_an_answer_is_read(error: Exception, kind: type[RanvierError]) -> None:
    """Chat models raise built-in errors for it."""
    assert isinstance(await failure_of(error), kind)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), ValueError("temperature: too high"), ValueError(), KeyError("choices")]
)
async def test_an_unknown_error_stays_as_it_is(error: Exception) -> None:
    """A mistake in a program is no failure of a provider."""
    with pytest.raises(type(error)) as caught:
        await pipeline_of(Scripted(replies=[error])).complete("Hi")
    assert caught.value is error


async def test_a_stream_that_breaks_is_interrupted() -> None:
    """After the first content."""
    pipeline = pipeline_of(Streaming(replies=[[AIMessageChunk("a"), httpx.ReadError("reset")]]))
    with pytest.raises(StreamInterruptedError):
        async with pipeline.stream("Hi") as stream:
            _ = [event async for event in stream]


REFUSED = {
    "beside the content": AIMessage("", additional_kwargs={"refusal": "I cannot."}),
    "as a block": AIMessage([{"type": "refusal", "refusal": "I cannot."}]),
    "by its reason": AIMessage("", response_metadata={"stop_reason": "refusal"}),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("how", REFUSED)
async def test_a_refusal_without_an_answer_is_an_error(how: str, streamed: bool) -> None:
    """As at our own providers."""
    answer = REFUSED[how]
    if streamed:
        metadata = answer.response_metadata or {"finish_reason": "stop"}
        kept: dict[str, Any] = {"additional_kwargs": answer.additional_kwargs, "response_metadata": metadata}
        pipeline = pipeline_of(Streaming(replies=[[AIMessageChunk(answer.content, **kept)]]))
        with pytest.raises(ContentFilterError):
            await (await pipeline.stream("Hi")).collect()
    else:
        with pytest.raises(ContentFilterError):
            await pipeline_of(Scripted(replies=[answer])).complete("Hi")


# --- over HTTP -----------------------------------------------------------------------------------


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@asynccontextmanager
async def chat_model(simulator: Simulator, *, responses: bool) -> AsyncIterator[ChatOpenAI]:
    """OpenAI's chat model, with one of its two APIs, and a client that no other one shares."""
    async with httpx2.AsyncClient() as client:
        yield ChatOpenAI(
            http_async_client=client,
            model="gpt-5.2",
            api_key=SecretStr("sk-ours"),
            base_url=simulator.url("openai"),
            max_retries=0,
            stream_usage=True,
            store=False,
            use_responses_api=responses,
        )


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_openais_chat_model_survives_six_faults(
    simulator: Simulator, fault: str, responses: bool, streamed: bool
) -> None:
    """Behind our layers, with a second target for a server that stays silent."""
    simulator.play("openai", *FAULTS[fault])
    async with chat_model(simulator, responses=responses) as model:
        targets = [providers.from_langchain(model, name=name) for name in ("first", "backup")]
        layers = (
            Fallback(*targets),
            Retry(5, base_delay=0),
            Timeout(seconds=3 if fault == "silence" else 30),
        )
        async with Pipeline(Deadline(60), *layers, listeners=()) as pipeline:
            if streamed:
                answer = await (await pipeline.stream("Why?")).collect()
            else:
                answer = await pipeline.complete("Why?")
            assert answer.text
            assert answer.usage.output
            assert answer.model == "gpt-5.2"
    assert len(simulator.requests) == 1 + len(FAULTS[fault])


async def test_a_stream_that_is_cut_after_content_is_interrupted(simulator: Simulator) -> None:
    """LangChain ends it like a whole one."""
    simulator.play("openai", Cut())
    async with chat_model(simulator, responses=False) as model, pipeline_of(model) as pipeline:
        with pytest.raises(StreamInterruptedError, match="invalid_response"):
            await (await pipeline.stream("Why?")).collect()
