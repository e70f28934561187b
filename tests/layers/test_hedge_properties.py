"""What holds for every schedule of delays and failures, drawn from seeds: bounds, and one answer."""

import asyncio
from functools import partial
from random import Random
from typing import Any

from ranvier import OverloadedError, Pipeline, RanvierError, ServerError
from ranvier.facts.record import Record
from ranvier.layers import Breaker, Deadline, Fallback, Retry, SharedCircuits, Throttle, Timeout
from ranvier.layers.fallback.pace import MAX_LINGERING
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, after, assert_settled, broken, cut, explore, ping, stall, stream
from ranvier.testing.faults import Faults

CALLS = 60


class Lot:
    """A lot of calls to three targets whose replies are drawn from a seed."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.targets = [ScriptedProvider(name, partial(self._reply, name)) for name in "abc"]
        few = self.targets[: rng.choice([1, 2, 3, 3])]
        self.route = Fallback(
            *few, hedge_after=rng.choice(["p99", "p95", 0.0, 2.0]), reserve=rng.choice([None, 5.0])
        )
        self.probes = rng.random() < 0.5
        self.slots = asyncio.BoundedSemaphore(rng.choice([3, 100]))
        few[-1].slots = self.slots
        self.pipeline = Pipeline(
            Deadline(rng.choice([8.0, 60.0])),
            self.route,
            Retry(max_retries=rng.choice([0, 2])),
            Throttle(),
            Breaker(failure_threshold=3, cooldown=5, shared=SharedCircuits(votes=2))
            if self.probes
            else Breaker(failure_threshold=1000),
            Timeout(None, first_token=20, idle=5),
            listeners=(),
        )
        self.records: list[Record] = []

    def _reply(self, name: str, call: Call) -> Any:
        return self._draw(name)

    def _draw(self, name: str) -> Any:
        rng = self.rng
        delay = rng.choice([0.0, 0.1, 1.0, 3.0, 6.0, 9.0, 25.0])
        replies = [
            after(delay / 10, stream(name, after(1, " more"))),
            after(delay / 10, name),
            after(delay, stream(name, after(1, " more"))),
            stream(after(delay / 2, ping()), after(delay, name)),
            after(delay, stream(name, after(0.5, rng.choice([cut(), broken()])))),
            after(delay, ""),
            after(delay, rng.choice([ServerError, OverloadedError])("down", provider=name)),
            stall(),
        ]
        return rng.choice(replies)

    async def ask(self, number: int) -> None:
        """One call, which may be cancelled or closed early."""
        tenant, streaming, patience = (
            f"t{number % 5}",
            self.rng.random() < 0.5,
            self.rng.choice([4, 100, 100]),
        )
        try:
            async with asyncio.timeout(patience):
                if streaming:
                    async with self.pipeline.stream("Why?", tenant=tenant) as answer:
                        self.records.append(answer._call.record)
                        text = (await answer.collect()).text
                else:
                    response = await self.pipeline.complete("Why?", tenant=tenant)
                    assert response.record is not None
                    self.records.append(response.record)
                    text = response.text
            assert text in ("", "a", "b", "c", "a more", "b more", "c more")
        except RanvierError as error:
            self.records += [] if error.record is None else [error.record]
        except TimeoutError:
            pass
        finally:
            self.check_bounds()

    def check_bounds(self) -> None:
        for target in self.route.deployments():
            assert 0 <= self.route.pace_of(target).lingering <= MAX_LINGERING

    def check_records(self) -> None:
        """Every call has ended in time, and so has each of its attempts."""
        for record in self.records:
            assert record.outcome is not None
            assert all(each.outcome != "running" for each in record.attempts)
            assert record.ended - record.started_at <= 60.01


async def scenario(faults: Faults) -> None:
    """Calls come at random; whatever happens to them, the bounds hold and nothing is left."""
    lot = Lot(faults.random)
    faults.perhaps("start", rate=1.0)
    most = 0

    def counted(provider: ScriptedProvider) -> None:
        received = provider._received

        def watched(call: Any) -> Any:
            nonlocal most
            live = [each for each in call.record.attempts if each.outcome == "running"]
            most = max(most, len(live))
            return received(call)

        provider._received = watched  # type: ignore[method-assign]

    for provider in lot.targets:
        counted(provider)
    async with lot.pipeline, asyncio.TaskGroup() as group:
        for number in range(CALLS):
            group.create_task(lot.ask(number))
            await asyncio.sleep(faults.random.choice([0.0, 0.2, 2.0]))
    assert most <= 2
    assert not lot.pipeline.lifecycle.background
    assert_settled(lot.pipeline)
    lot.check_records()
    for provider in lot.targets:
        hedges = sum(call.reason == "hedge" for call in provider.calls)
        assert hedges <= 10 + 0.1 * CALLS or lot.probes  # those of probes are outside the budget
        assert provider.in_progress == 0


def test_bounds_hold_for_every_schedule() -> None:
    explore(scenario, range(40))
