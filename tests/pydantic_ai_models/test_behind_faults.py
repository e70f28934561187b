"""Every fault of the wire below a model of pydantic-ai: an answer of another target, or an error of ours."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from openai import AsyncOpenAI
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from ranvier import Pipeline, RanvierError
from ranvier.layers import Fallback
from ranvier.providers import Stub, from_pydantic_ai
from ranvier.simulator import (
    ContentType,
    Cut,
    Drop,
    EarlyFinish,
    Empty,
    ErrorIn200,
    Malformed,
    Page,
    Reset,
    Status,
    Truncated,
    Unended,
)
from ranvier.testing import assert_settled
from support.pydantic_ai_models.models import Models

FAULTS: list[Any] = [
    *(
        ContentType(),
        Cut(after=0),
        Cut(after=3),
        Drop(),
        EarlyFinish(),
        Empty(),
        ErrorIn200(503),
        ErrorIn200(400),
    ),
    *(Malformed(), Page(), Reset(after=0), Reset(after=3), Status(503), Status(418), Truncated()),
    *(Unended(),),
]


def responses(models: Models) -> Any:
    return models.theirs()


def chat(models: Models) -> Any:
    client = AsyncOpenAI(base_url=models.simulator.url("openai"), api_key="sk-theirs")
    models.opened.push_async_callback(client.close)
    return OpenAIChatModel("gpt-5.2", provider=OpenAIProvider(openai_client=client))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("made", [responses, chat], ids=["responses", "chat"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault)[:40])
async def test_a_fault_is_an_error_of_ours(fault: Any, made: Any, streamed: bool, models: Models) -> None:
    """Each try is one request, nothing stays open, and no half of an answer counts as one."""
    whole = (await models.pipeline().complete("Why?")).text
    models.simulator.requests.clear()
    models.simulator.always("openai", fault)
    async with Pipeline(Fallback(from_pydantic_ai(made(models)), Stub("The next."))) as pipeline:
        async with asyncio.timeout(5):
            try:
                if streamed:
                    answer = await (await pipeline.stream("Why?")).collect()
                else:
                    answer = await pipeline.complete("Why?")
                assert answer.text in (whole, "The next.")
            except RanvierError:
                pass
        assert_settled(pipeline)
    assert len(models.simulator.requests) == 1
