"""What is told of a call that was sent to two targets: by whom it was answered, whichever began last."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ranvier import Pipeline, Response, ServerError, StreamInterruptedError, Usage
from ranvier.events import AttemptEnded, CallEnded, Event
from ranvier.layers import Deadline, Fallback, Timeout
from ranvier.testing import ScriptedProvider, after, broken, stall, stream
from support.telemetry.sdk import Sdk

pytestmark = pytest.mark.virtual_time

SLOW = after(5, Response("At last.", usage=Usage(1, 2, 3), id="r", model="m-1"))


class Scene:
    """Two targets, the second of which is asked as well after three seconds."""

    def __init__(self, *scripts: Any) -> None:
        self.sdk, self.events = Sdk(), list[Event]()
        providers = [ScriptedProvider(name, [script]) for name, script in zip("abc", scripts, strict=False)]
        route = Fallback(*providers, hedge_after=3)
        timeout = Timeout(None, first_token=40, idle=15)
        self.pipeline = Pipeline(self.sdk.layer(), Deadline(60), route, timeout)
        self.pipeline.events.add(self.events.append, verbose=True)

    async def ask(self, streaming: bool) -> Any:
        """The answer, after what it has left behind has ended."""
        if streaming:
            async with self.pipeline.stream("Why?") as answered:
                answer: Any = await answered.collect()
        else:
            answer = await self.pipeline.complete("Why?")
        await asyncio.sleep(50)
        return answer

    @property
    def ended(self) -> CallEnded:
        (ended,) = [each for each in self.events if isinstance(each, CallEnded)]
        return ended


@pytest.fixture(params=[False, True], ids=["complete", "stream"])
def streaming(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize(
    "loser", [stall(), after(3, "Too late."), after(4, ServerError("down", provider="b"))]
)
async def test_a_call_that_its_first_target_answers_is_its_own(loser: Any, streaming: bool) -> None:
    """Though the hedge began later; whatever becomes of the hedge afterwards, it was overtaken."""
    scene = Scene(SLOW, loser)
    answer = await scene.ask(streaming)
    assert [each.outcome for each in answer.attempts] == ["succeeded", "hedge_lost"]
    assert (scene.ended.provider, scene.ended.model, scene.ended.outcome) == ("a", "scripted", "succeeded")
    (span,) = scene.sdk.calls
    assert span.attributes["ranvier.outcome"] == "succeeded"
    assert span.attributes["gen_ai.provider.name"] == "a"
    assert span.attributes["ranvier.fallbacks"] == 0
    assert span.attributes["gen_ai.usage.output_tokens"] == 2
    assert [point.attributes["ranvier.provider"] for point in scene.sdk.points("ranvier.calls")] == ["a"]
    if streaming:
        assert span.attributes["gen_ai.response.time_to_first_chunk"] == pytest.approx(5, abs=0.1)


async def test_a_lost_hedge_is_no_error_of_its_target(streaming: bool) -> None:
    """In its span, and in what routine listeners receive."""
    scene = Scene(stall(), SLOW)
    answer = await scene.ask(streaming)
    assert [each.outcome for each in answer.attempts] == ["hedge_lost", "succeeded"]
    assert scene.ended.provider == "b"
    lost, won = scene.sdk.attempts
    assert "error.type" not in lost.attributes
    assert lost.status.is_ok or lost.status.is_unset
    assert won.attributes["ranvier.attempt.reason"] == "hedge"
    outcomes = {
        each.provider: each.attempt.outcome for each in scene.events if isinstance(each, AttemptEnded)
    }
    assert outcomes == {"a": "hedge_lost", "b": "succeeded"}


async def test_an_empty_answer_is_marked_while_a_hedge_is_in_flight(streaming: bool) -> None:
    scene = Scene(after(5, ""), after(5, "Fine."))
    answer = await scene.ask(streaming)
    assert [each.outcome for each in answer.attempts] == ["empty", "succeeded"]
    assert (scene.ended.provider, scene.ended.outcome) == ("b", "succeeded")


async def test_a_stream_that_breaks_after_its_hedge_has_lost_has_failed() -> None:
    scene = Scene(stream(after(5, "Half"), broken()), stall())
    with pytest.raises(StreamInterruptedError):
        await scene.ask(streaming=True)
    assert (scene.ended.provider, scene.ended.outcome) == ("a", "stream_dropped")
