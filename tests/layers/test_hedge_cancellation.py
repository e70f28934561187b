"""A hedged call may be cancelled at any moment, also twice: nothing is left, and nothing is counted."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import Pipeline, ServerError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.testing import after, assert_settled, stall, stream
from support.hedges import FIRST_TOKEN
from support.scenes import live_timers
from support.stepping import OneSlotProvider, cancel_after, in_turns

ANSWER = stream("one ", after(1, "two "), after(1, "three"))

SCRIPTS: dict[str, Callable[[], tuple[list[Any], ...]]] = {
    "the hedge wins": lambda: ([stall()], [after(1, ANSWER)], ["never"]),
    "the hedge loses": lambda: ([after(8, ANSWER)], [stall()], ["never"]),
    "both at once": lambda: ([after(8, ANSWER)], [after(8 - FIRST_TOKEN / 3 - 0.25, ANSWER)], ["never"]),
    "the hedge fails": lambda: ([stall()], [ServerError("down", provider="b")], [after(1, ANSWER)]),
    "two are silent": lambda: ([stall()], [stall()], [after(1, ANSWER)]),
}


class HedgedStage:
    """Three targets with one connection each, which take a while to clean up; keys take a while as well.

    Args:
        suspected: The first target was silent before, so that it is asked in a task of its own.
    """

    def __init__(self, scripts: tuple[list[Any], ...], *, suspected: bool) -> None:
        self.providers = [
            OneSlotProvider(name, script, 1.0) for name, script in zip("abc", scripts, strict=True)
        ]
        self.route = Fallback(*self.providers, hedge_after="p99")
        self.breaker = Breaker(failure_threshold=100)
        self.pipeline = Pipeline(
            Deadline(100),
            self.route,
            Retry(max_retries=1, base_delay=1.0, jitter="none"),
            self.breaker,
            Timeout(None, first_token=FIRST_TOKEN, idle=15),
            credentials=self._key,
        )
        self.suspected = suspected

    async def _key(self, tenant: str, provider: str) -> Any:
        await asyncio.sleep(0.25)
        return "key"

    async def ask(self, streaming: bool) -> str:
        for target in self.route.targets:  # they have answered before
            self.route.pace_of(target).content(None, self.pipeline.clock())
        if self.suspected:
            self.route.pace_of(self.route.targets[0]).suspect(self.pipeline.clock())
        if not streaming:
            return (await self.pipeline.complete("Why?")).text
        text = ""
        async with self.pipeline.stream("Why?") as answer:
            async for event in answer:
                text += event.text
                await asyncio.sleep(0.2)
        return text

    async def assert_nothing_left(self) -> None:
        """A loser may go on until its hang threshold; then nothing is in flight."""
        await asyncio.sleep(15)
        assert_settled(self.pipeline)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert live_timers() == []
        for provider in self.providers:
            assert provider.in_progress == 0
            assert provider.slots._value == 1
        assert all(0 <= self.route.budget.left(each.name) <= 10 for each in self.providers)
        assert all(self.route.pace_of(each).lingering == 0 for each in self.route.targets)
        counted = {key[1]: seen.failures for key, seen in self.breaker.circuits}  # type: ignore[index]
        not_sent = dict.fromkeys(counted, 0)  # admitted, but the caller has cancelled before that
        assert counted == not_sent | self.failures()

    def failures(self) -> dict[str, int]:
        """What counts: errors of a target, and silence that has reached its hang threshold."""
        failures = {}
        for provider in self.providers:
            if provider.calls:
                attempts = provider.calls[0].record.attempts
                own = [each for each in attempts if each.provider == provider.name]
                failures[provider.name] = sum(
                    each.outcome == "server_error" or (each.first_token is None and each.seconds >= 10)
                    for each in own
                )
        return failures


async def perform(script: str, streaming: bool, suspected: bool, turns: tuple[int, ...]) -> bool:
    """Ask, and cancel after these turns of the loop; true if it ended by itself before the first."""
    stage = HedgedStage(SCRIPTS[script](), suspected=suspected)
    async with stage.pipeline:
        task = asyncio.create_task(stage.ask(streaming))
        cancel_after(task, turns)
        await asyncio.wait([task])
        cancelled = task.cancelled()
        await stage.assert_nothing_left()
        if not cancelled:
            assert task.cancelling() == 0
            assert task.result() == "one two three"
    return not cancelled


@pytest.mark.parametrize("suspected", [False, True], ids=["", "suspected"])
@pytest.mark.parametrize("streaming", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_cancelled_after_any_turn_of_the_loop(script: str, streaming: bool, suspected: bool) -> None:
    turns = itertools.count()
    turn = next(turn for turn in turns if in_turns(perform(script, streaming, suspected, (turn,))))
    assert turn > 15


@pytest.mark.parametrize("later", [1, 2, 4])
@pytest.mark.parametrize("suspected", [False, True], ids=["", "suspected"])
@pytest.mark.parametrize("streaming", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_cancelled_again_during_the_cleanup(
    script: str, streaming: bool, suspected: bool, later: int
) -> None:
    for turn in itertools.count():
        if in_turns(perform(script, streaming, suspected, (turn, turn + later))):
            break
