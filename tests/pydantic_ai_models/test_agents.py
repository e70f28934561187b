"""Agents over a pipeline, beside the same run on pydantic-ai's own model of the same API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.exceptions import UsageLimitExceeded
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.usage import RunUsage, UsageLimits

from ranvier import tenant
from ranvier.integrations.pydantic_ai import PipelineModel
from ranvier.providers import OpenAI
from ranvier.simulator import Cut, ErrorIn200, Say, Silence, Slow, Status
from ranvier.testing import assert_settled
from support.pydantic_ai_models.models import Models

THINKING: Any = {"extra_body": {"openai": {"reasoning": {"effort": "high", "summary": "auto"}}}}
"""Thoughts that are shown, in the field of OpenAI's that asks for them."""


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


def agent_of(model: Any, **arguments: Any) -> Agent[None, Any]:
    agent: Agent[None, Any] = Agent(model, instructions="Be brief.", **arguments)

    @agent.tool_plain
    def weather(city: str) -> str:
        """The weather.

        Args:
            city: The city.
        """
        return f"sunny in {city}"

    return agent


def kinds(messages: list[ModelMessage]) -> list[list[str]]:
    return [[part.part_kind for part in message.parts] for message in messages]


def tokens(usage: RunUsage) -> tuple[int, ...]:
    return (usage.requests, usage.input_tokens, usage.output_tokens, usage.tool_calls)


async def both(models: Models, run: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What `run` makes of our model and of theirs, each at the beginning of a simulator."""
    return await run(models.ours()), await run(models.theirs())


PROMPTS = ["Why?", "What does weather say?"]


@pytest.mark.parametrize("prompt", PROMPTS, ids=["text", "a tool"])
async def test_a_run_is_the_same_as_on_their_own_model(prompt: str, models: Models) -> None:
    """Output, messages, usage, the names of model and provider, and the reason of the end."""

    async def run(model: Any) -> Any:
        result = await agent_of(model).run(prompt)
        last = result.all_messages()[-1]
        assert isinstance(last, ModelResponse)
        named = (last.model_name, last.provider_name, last.finish_reason, last.state)
        return result.output, kinds(result.all_messages()), tokens(result.usage), named

    our_run, their_run = await both(models, run)
    assert our_run == their_run
    assert our_run[1][1] == (["text"] if prompt == "Why?" else ["tool-call"])


@pytest.mark.parametrize("prompt", PROMPTS, ids=["text", "a tool"])
async def test_a_streamed_run_is_the_same(prompt: str, models: Models) -> None:
    """Piece by piece, and in the end."""

    async def run(model: Any) -> Any:
        async with agent_of(model).run_stream(prompt) as result:
            pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        return pieces, kinds(result.all_messages()), tokens(result.usage)

    our_run, their_run = await both(models, run)
    assert our_run == their_run
    assert len(our_run[0]) > 5


@pytest.mark.parametrize("prompt", PROMPTS, ids=["text", "a tool"])
async def test_the_same_is_sent(prompt: str, models: Models) -> None:
    """The instructions, the conversation and the tools, in every request of a run."""
    sent = []
    for model in (models.ours(), models.theirs()):
        await agent_of(model).run(prompt)
        key = "sk-ours" if isinstance(model, PipelineModel) else "sk-theirs"
        requests = [exchange for exchange in models.simulator.requests if exchange.key == key]
        sent.append([_essence(exchange.body) for exchange in requests])
    assert sent[0] == sent[1]
    assert all(exchange.refused is None for exchange in models.simulator.requests)


def _essence(body: Any) -> Any:
    """The roles, the texts and the tools of a request; ids and harmless fields aside."""
    items = [
        (item.get("role"), item.get("type", "message"), item.get("output"), item.get("name"))
        for item in body["input"]
        if item.get("role") not in ("system", "developer")
    ]
    return items, [tool["name"] for tool in body.get("tools", [])]


@pytest.mark.parametrize("output", [ToolOutput, NativeOutput, PromptedOutput], ids=lambda each: each.__name__)
async def test_output_types(output: Any, models: Models) -> None:
    """As a tool, as a schema of the API and as a request in words; whole and streamed."""
    if output is PromptedOutput:
        models.simulator.always("openai", Say('{"name": "Bergen", "inhabitants": 292000}'))

    async def run(model: Any) -> Any:
        agent = Agent(model, output_type=output(City))
        whole = (await agent.run("Where?")).output
        async with agent.run_stream("Where?") as result:
            return whole, await result.get_output()

    our_run, their_run = await both(models, run)
    assert our_run == their_run
    assert all(isinstance(each, City) for each in our_run)


async def test_thoughts_are_parts_and_go_back(models: Models) -> None:
    """The reasoning item goes back as its provider gave it, in the next request of the run."""
    agent = agent_of(models.ours(settings=THINKING))
    result = await agent.run("What does weather say?")
    first = result.all_messages()[1]
    assert any(isinstance(part, ThinkingPart) for part in first.parts)
    bodies = [exchange.body for exchange in models.simulator.requests]
    assert [item["type"] for item in bodies[1]["input"] if item.get("type") == "reasoning"] == ["reasoning"]
    assert all(exchange.refused is None for exchange in models.simulator.requests)


async def test_thoughts_of_a_stream_go_back_too(models: Models) -> None:
    agent = agent_of(models.ours(settings=THINKING))
    async with agent.run_stream("What does weather say?") as result:
        await result.get_output()
    second = models.simulator.requests[1].body
    assert "reasoning" in [item.get("type") for item in second["input"]]


async def test_an_edited_answer_is_sent_as_it_reads_now(models: Models) -> None:
    """What was kept for the provider speaks of another text, and stays behind."""
    agent = agent_of(models.ours(settings=THINKING))
    history = (await agent.run("Why?")).all_messages()
    answer = history[1]
    answer.parts = [TextPart("Because.") if isinstance(part, TextPart) else part for part in answer.parts]
    await agent.run("Really?", message_history=history)
    sent = models.simulator.requests[-1].body["input"]
    assert "Because." in str(sent)
    assert "reasoning" not in [item.get("type") for item in sent]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "faults",
    [
        [Status(503), Status(503)],
        [Status(429, retry_after=0.05)],
        [Cut(after=0)],
        [ErrorIn200(503)],
        [Silence()],
    ],
    ids=lambda faults: type(faults[0]).__name__,
)
async def test_a_run_survives_faults(faults: list[Any], streamed: bool, models: Models) -> None:
    """The layers do what they do for any call."""
    models.simulator.play("openai", *faults)
    url = models.simulator.url("openai")
    targets = [OpenAI("sk-ours", base_url=url, api="responses", name=name) for name in ("openai", "backup")]
    agent = agent_of(PipelineModel(models.pipeline(*targets, seconds=1, first_token=1)))
    if streamed:
        async with agent.run_stream("Why?") as result:
            assert await result.get_output()
    else:
        assert (await agent.run("Why?")).output
    assert len(models.simulator.requests) == 1 + len(faults)


async def test_the_tenant_is_that_around_the_run(models: Models) -> None:
    pipeline = models.pipeline()
    with tenant("acme"):
        await agent_of(PipelineModel(pipeline)).run("What does weather say?")
    assert {name for (name, _), _ in pipeline.circuits} == {"acme"}


async def test_a_cancelled_run_leaves_nothing_behind(models: Models) -> None:
    """Neither a place, nor a connection."""
    models.simulator.always("openai", Slow(5))
    pipeline = models.pipeline()
    run = asyncio.create_task(agent_of(PipelineModel(pipeline)).run("Why?"))
    await models.asked()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert_settled(pipeline)


async def test_a_cancelled_stream_is_closed_and_says_so(models: Models) -> None:
    """`cancel()` closes the connection; the response is `interrupted`, as on their own model."""

    async def run(model: Any) -> Any:
        async with agent_of(model).run_stream("Why?") as result:
            async for _ in result.stream_text(delta=True, debounce_by=None):
                await result.cancel()
        last = result.all_messages()[-1]
        assert isinstance(last, ModelResponse)
        return last.state, bool(last.parts)

    pipeline = models.pipeline()
    assert await run(PipelineModel(pipeline)) == await run(models.theirs()) == ("interrupted", True)
    assert_settled(pipeline)


async def test_leaving_a_stream_closes_it(models: Models) -> None:
    pipeline = models.pipeline()
    async with agent_of(PipelineModel(pipeline)).run_stream("Why?") as result:
        async for _ in result.stream_text(delta=True, debounce_by=None):
            break
    assert_settled(pipeline)


async def test_limits_on_usage_hold(models: Models) -> None:
    """Usage is counted while the run goes on."""
    with pytest.raises(UsageLimitExceeded):
        await agent_of(models.ours()).run(
            "What does weather say?", usage_limits=UsageLimits(output_tokens_limit=1)
        )


async def test_a_history_of_another_model_goes_on_here(models: Models) -> None:
    """Texts, calls and results are sent; what only that model understands is not."""
    agent = agent_of(models.theirs(settings={"openai_reasoning_summary": "auto"}))
    history = (await agent.run("What does weather say?")).all_messages()
    result = await agent_of(models.ours()).run("And now?", message_history=history)
    assert result.output
    sent = models.simulator.requests[-1].body["input"]
    assert [item.get("type", "message") for item in sent].count("function_call_output") == 1
    assert "reasoning" not in [item.get("type") for item in sent]
    assert any(isinstance(part, ToolCallPart) for message in history for part in message.parts)


async def test_another_task_may_cancel_a_stream_that_waits(models: Models) -> None:
    """As a button of a user interface does; the read ends, and the connection is closed."""
    models.simulator.always("openai", Slow(pace=5))
    pipeline = models.pipeline(idle=9.0)
    async with agent_of(PipelineModel(pipeline)).run_stream("Why?") as result:

        async def read() -> int:
            return len([each async for each in result.stream_text(delta=True, debounce_by=None)])

        reading = asyncio.create_task(read())
        await asyncio.sleep(0.3)
        assert not reading.done()
        await result.cancel()
        async with asyncio.timeout(3):
            assert await reading >= 1
    last = result.all_messages()[-1]
    assert isinstance(last, ModelResponse)
    assert last.state == "interrupted"
    assert_settled(pipeline)
