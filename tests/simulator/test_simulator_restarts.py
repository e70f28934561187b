"""Streams that break on a real wire, and are answered again: never a mix of two answers."""

from typing import Any

import pytest

from ranvier import Deployment, Pipeline, StreamInterruptedError
from ranvier.layers import Fallback, Retry, Timeout
from ranvier.providers import adapter
from ranvier.simulator import Cut, Drop, Simulator

FORM = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
KEY = "sk-simulated-9999"


def target(sim: Simulator, provider: str, name: str | None = None) -> Deployment:
    return Deployment(adapter(provider)(KEY, base_url=sim.url(provider), name=name))


async def read(pipeline: Pipeline, **options: Any) -> tuple[str, int, Any]:
    """What a user interface shows in the end, how often it was emptied, and the response."""
    shown, restarts = "", 0
    async with pipeline.stream("Why?", on_break="restart", **options) as answer:
        async for event in answer:
            if event.restarted:
                shown, restarts = "", restarts + 1
            shown += event.text
        return shown, restarts, answer.response


@pytest.mark.parametrize("provider", ["anthropic", "openai", "gemini", "ollama"])
@pytest.mark.parametrize("schema", [None, FORM])
async def test_cut_at_every_event_the_answer_is_that_of_one_attempt(
    sim: Simulator, provider: str, schema: Any
) -> None:
    """Another vendor answers, whose words differ."""
    other = "anthropic" if provider != "anthropic" else "openai"
    pipeline = Pipeline(Fallback(target(sim, provider), target(sim, other)), Timeout(seconds=5))
    alone = await Pipeline(Fallback(target(sim, other)), Timeout(seconds=5)).complete("Why?", schema=schema)
    cuts = 0
    for tokens in range(1, 12):
        sim.play(provider, Cut(after=tokens))
        shown, restarts, response = await read(pipeline, schema=schema)
        assert (shown, shown) == (response.text, alone.text) if restarts else response.text
        cuts += restarts
        await sim.idle()
    assert cuts >= 3


async def test_the_same_target_is_asked_again_over_a_new_connection(sim: Simulator) -> None:
    sim.play("openai", Drop(), Cut(after=2))
    pipeline = Pipeline(Fallback(target(sim, "openai")), Retry(max_retries=2, base_delay=0.01), Timeout(5))
    shown, restarts, response = await read(pipeline)
    assert (shown, restarts) == (response.text, 2)
    assert [attempt.outcome for attempt in response.attempts] == ["stream_dropped"] * 2 + ["succeeded"]


async def test_what_was_sent_again_is_the_same_request(sim: Simulator) -> None:
    """No prefill, and no prompt of ours."""
    sim.play("openai", Cut(after=3))
    pipeline = Pipeline(Fallback(target(sim, "openai")), Retry(max_retries=1, base_delay=0.01), Timeout(5))
    await read(pipeline)
    first, second = sim.requests
    assert first.body == second.body


def get_weather(city: str) -> str:
    """Weather by city."""
    return city


async def test_a_tool_call_that_was_handed_out_whole_is_not_asked_for_again(sim: Simulator) -> None:
    pipeline = Pipeline(Fallback(target(sim, "openai"), target(sim, "anthropic")), Timeout(seconds=5))
    asked: set[bool] = set()
    for tokens in range(1, 20):
        before = sim.total
        sim.play("openai", Cut(after=tokens))
        whole = False
        try:
            _, _, response = await read(pipeline, tools=[get_weather], tool_choice="required")
        except StreamInterruptedError as error:
            response, whole = error.received, True
        assert [call.invalid for call in response.tool_calls] == [None]
        again = sim.total - before == 2
        assert not (whole and again)
        asked.add(again)
        await sim.idle()
    assert asked == {True, False}
