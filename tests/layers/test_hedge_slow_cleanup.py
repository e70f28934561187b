"""Nothing is sent for a call that its caller has left, however long a provider cleans up after that."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import pytest

from ranvier import AuthenticationError, ConfigurationError, Pipeline, Response, ServerError, StreamEvent
from ranvier.events import Event, HedgeSent
from ranvier.layers import Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, after, assert_settled, broken, cut, stall, stream
from support.scenes import time

pytestmark = pytest.mark.virtual_time

CLEANUP = 60.0
HEDGED = 5.0


class Slow(ScriptedProvider):
    """Takes a minute to clean up after a cancellation."""

    async def clean_up(self) -> None:
        await asyncio.sleep(CLEANUP)

    async def complete(self, call: Call) -> Response:
        try:
            return await super().complete(call)
        except asyncio.CancelledError:
            await self.clean_up()
            raise

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        try:
            async for event in super().stream(call):
                yield event
        except asyncio.CancelledError:
            await self.clean_up()
            raise


class Keyed(ScriptedProvider):
    """Needs a key."""

    needs_credential = True


def of_three(second: list[Any]) -> list[ScriptedProvider]:
    return [Slow("a", [stall()]), Keyed("b", second), ScriptedProvider("c", ["never"])]


REFUSED = AuthenticationError("no", provider="b", status=401)

SCENES: dict[str, tuple[float, Callable[[], list[ScriptedProvider]]]] = {
    "no hedge": (HEDGED - 1, lambda: of_three(["never"])),
    "no hedge of the hedge": (HEDGED + 1, lambda: of_three([stall()])),
    "no retry of the hedge": (HEDGED + 1, lambda: of_three([after(3, broken()), "never"])),
    "no other hedge": (
        HEDGED + 1,
        lambda: of_three([after(3, ServerError("down", provider="b", retry_after=50))]),
    ),
    "no further key": (HEDGED + 1, lambda: of_three([after(3, REFUSED), "never"])),
}
"""When the caller leaves, and what would be sent after that."""


def hedged(*providers: ScriptedProvider) -> Pipeline:
    """Its targets have answered before, so that the first one is asked in the task of the caller."""
    pipeline = Pipeline(
        Deadline(300),
        Fallback(*providers, hedge_after=HEDGED),
        Retry(max_retries=1, base_delay=1.0, jitter="none"),
        Timeout(200),
        credentials=lambda tenant, provider: ["key", "another"],
        listeners=(),
    )
    for target in route_of(pipeline).targets:
        route_of(pipeline).pace_of(target).content(None, time())
    return pipeline


def route_of(pipeline: Pipeline) -> Fallback:
    return next(layer for layer in pipeline.layers if isinstance(layer, Fallback))


async def ask(pipeline: Pipeline, streaming: bool) -> str:
    if not streaming:
        return (await pipeline.complete("Why?")).text
    async with pipeline.stream("Why?", on_break="restart") as answer:
        return (await answer.collect()).text


@pytest.fixture(params=[False, True], ids=["complete", "stream"])
def streaming(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("leaves", ["cancels", "closes"])
@pytest.mark.parametrize("suspected", [False, True], ids=["", "suspected"])
@pytest.mark.parametrize("scene", SCENES)
async def test_nothing_is_sent_during_the_cleanup(
    scene: str, suspected: bool, leaves: str, streaming: bool
) -> None:
    left_at, providers_of = SCENES[scene]
    providers = providers_of()
    pipeline = hedged(*providers)
    if suspected:
        route_of(pipeline).pace_of(route_of(pipeline).targets[0]).suspect(time())
    task = asyncio.create_task(ask(pipeline, streaming))
    await asyncio.sleep(left_at)
    before = [len(each.calls) for each in providers]
    assert before == [1, int(left_at > HEDGED), 0]
    told: list[Event] = []
    pipeline.events.add(told.append)
    if leaves == "cancels":
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    else:
        await pipeline.aclose()
        await asyncio.wait([task])
        assert isinstance(task.exception(), ConfigurationError)
    await asyncio.sleep(2 * CLEANUP)
    assert [len(each.calls) for each in providers] == before
    assert not any(isinstance(event, HedgeSent) for event in told)
    assert_settled(pipeline)


@pytest.mark.parametrize("leaves", ["cancels", "closes it", "closes the pipeline"])
async def test_nothing_is_sent_during_the_cleanup_of_a_restart(leaves: str) -> None:
    """The stream breaks at 1 s, and the attempt that replaces it is silent."""
    providers = of_three(["never"])
    providers[0] = Slow("a", [stream("one ", after(1, cut())), stall()])
    pipeline = hedged(*providers)
    answer = await pipeline.stream("Why?", on_break="restart")
    reader = asyncio.create_task(answer.collect())
    await asyncio.sleep(HEDGED + 1)
    assert [len(each.calls) for each in providers] == [2, 0, 0]
    if leaves == "cancels":
        reader.cancel()
    elif leaves == "closes it":
        await answer.aclose()
    else:
        await pipeline.aclose()
    await asyncio.gather(reader, return_exceptions=True)
    await asyncio.sleep(2 * CLEANUP)
    assert [len(each.calls) for each in providers] == [2, 0, 0]
    assert_settled(pipeline)


async def test_a_timeout_that_a_provider_sets_itself_only_delays_the_hedge(streaming: bool) -> None:
    """While it cleans up after its own cancellation, nobody can tell that this was not the caller's."""

    class Patient(ScriptedProvider):
        async def complete(self, call: Call) -> Response:
            with suppress(TimeoutError):
                await self._try()
            return await super().complete(call)

        async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
            with suppress(TimeoutError):
                await self._try()
            async for event in super().stream(call):
                yield event

        async def _try(self) -> None:
            async with asyncio.timeout(HEDGED - 1):
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    await asyncio.sleep(2)
                    raise

    pipeline = hedged(Patient("a", [stall()]), Keyed("b", ["well"]))
    assert await ask(pipeline, streaming) == "well"
    assert time() == pytest.approx(HEDGED + 1, abs=0.3)


class Deaf(Slow):
    """Lets nobody hurry it."""

    async def clean_up(self) -> None:
        until = time() + CLEANUP
        while time() < until:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(until - time())


async def test_a_limit_does_not_count_as_the_caller(streaming: bool) -> None:
    """The first target has timed out, and cleans up for a minute; the hedge is retried meanwhile."""
    b = Keyed("b", [after(HEDGED + 1, broken()), "well"])
    route = Fallback(Deaf("a", [stall()]), b, hedge_after=HEDGED)
    timeouts = {"a": Timeout(HEDGED + 2)}
    retry = Retry(max_retries=1, base_delay=1.0, jitter="none")
    pipeline = Pipeline(route, retry, Timeout(200, overrides=timeouts), credentials=lambda *_: "key")
    route.pace_of(route.targets[0]).content(None, time())
    task = asyncio.create_task(ask(pipeline, streaming))
    await asyncio.sleep(2 * HEDGED + 3)
    assert len(b.calls) == 2
    assert await task == "well"


@pytest.mark.parametrize("leak", [False, True], ids=["takes it back", "does not"])
async def test_a_hedge_waits_while_a_provider_times_out_by_itself(leak: bool, streaming: bool) -> None:
    """Its own cancellation, which some libraries never take back, is not the caller's."""

    class Impatient(ScriptedProvider):
        async def complete(self, call: Call) -> Response:
            await self._time_out()
            raise AssertionError

        async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
            await self._time_out()
            yield StreamEvent(text="never")

        async def _time_out(self) -> None:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_later(HEDGED + 1, task.cancel)
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                await asyncio.sleep(4)
            if not leak:
                task.uncancel()
            raise ServerError("timed out", provider="a")

    b = Keyed("b", [after(2, broken()), "well"])
    pipeline = hedged(Impatient("a"), b)
    assert await ask(pipeline, streaming) == "well"
    assert time() == pytest.approx(HEDGED + 5, abs=0.3)
    assert_settled(pipeline)
