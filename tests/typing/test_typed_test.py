"""A test of a user's own code: scripted providers, virtual time, events, and nothing left behind."""

from typing import assert_type

import pytest

from ranvier import OverloadedError, Pipeline, Response, deadline, resilient, tenant
from ranvier.layers import Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call
from ranvier.simulator import Rule, Simulator, Status
from ranvier.testing import (
    ScriptedProvider,
    after,
    assert_settled,
    broken,
    run,
    stall,
    stream,
)


async def summarize(pipeline: Pipeline, text: str) -> str:
    """The code under test."""
    with tenant("acme"), deadline(30):
        return (await pipeline.complete(f"Summarize: {text}")).text


def greet(call: Call) -> str:
    return f"hello, {call.tenant}"


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(
        "anthropic", [OverloadedError("busy", provider="anthropic"), broken(), after(2, "short")]
    )


@pytest.mark.virtual_time
async def test_code_of_a_user_survives_failures(provider: ScriptedProvider) -> None:
    """A retry each, and the answer after two seconds that nobody has to wait for."""
    pipeline = Pipeline(
        Deadline(60), Fallback(provider, ScriptedProvider("openai", greet)), Retry(), Timeout(5)
    )
    assert await summarize(pipeline, "long") == "short"
    assert_type(provider.calls, list[Call])
    assert provider.calls[0].request.messages[0].text == "Summarize: long"
    assert_settled(pipeline)


async def ask(pipeline: Pipeline) -> Response:
    return await pipeline.complete("Hi")


def test_time_does_not_have_to_pass() -> None:
    """A plain test runs its coroutine on a loop of virtual time."""
    slow = ScriptedProvider("anthropic", [stall(), stream("one ", after(3600, "two"))])
    pipeline = resilient(slow, ScriptedProvider("openai", ["second"]))
    answer = run(ask(pipeline))
    assert_type(answer, Response)
    assert answer.text == "second"


async def test_a_simulator_fails_over_http() -> None:
    """As it is told."""
    async with Simulator() as simulator:
        simulator.add(Rule(Status(503), model="gpt-5.2"))
        assert_type(simulator.url("openai"), str)
        assert not simulator.requests
