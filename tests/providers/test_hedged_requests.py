"""Hedges over every wire: the target that loses sees its client leave, and no connection is kept for it."""

import asyncio
from typing import Any

import pytest

from ranvier import Deployment, Pipeline
from ranvier.layers import Breaker, Deadline, Fallback, Timeout
from ranvier.testing import assert_settled
from ranvier.testing.loopback import Loopback, Visit
from support.providers.seven import APIS, body

AFTER = 0.05


class Pair:
    """A target of each of two wires, and what they send; `Deadline` ends a test that hangs."""

    def __init__(self, first: str, second: str) -> None:
        self.names = first, second
        self.servers = Loopback(), Loopback()

    async def __aenter__(self) -> "Pair":
        for server in self.servers:
            await server.__aenter__()
        providers = [
            Deployment(APIS[name]("key", base_url=server.url, name=f"{name}-{place}"), "m")
            for place, (name, server) in enumerate(zip(self.names, self.servers, strict=True))
        ]
        route = Fallback(*providers, hedge_after=AFTER)
        for target in route.targets:  # they have answered before, so that losers leave at once
            route.pace_of(target).content(None, 0.0)
        self.pipeline = Pipeline(
            Deadline(20),
            route,
            Breaker(),
            Timeout(None, first_token=10, idle=10),
            listeners=(),
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.pipeline.aclose()
        for server in self.servers:
            await server.close()

    async def ask(self, streaming: bool) -> str:
        if not streaming:
            return (await self.pipeline.complete("Weather?")).text
        async with self.pipeline.stream("Weather?") as answer:
            return (await answer.collect()).text

    async def assert_left(self, place: int) -> None:
        """The server of a loser sees its client leave, and then nothing is in flight."""
        visit = await self.servers[place].visited()
        await asyncio.wait_for(visit.closed.wait(), 5)
        assert_settled(self.pipeline)


async def says_nothing(visit: Visit) -> None:
    await visit.gone()


async def only_headers(visit: Visit) -> None:
    await visit.begin(content_type="text/event-stream")
    await visit.gone()


def answers(name: str, after: Loopback | None = None) -> Any:
    """An answer, once another server has been asked."""

    async def script(visit: Visit) -> None:
        if after is not None:
            await after.visited()
        kind = "application/x-ndjson" if name == "ollama" else "text/event-stream"
        await visit.begin(body(name, "answer.stream"), content_type=kind)
        await visit.end()

    return script


@pytest.mark.parametrize("silence", [says_nothing, only_headers])
@pytest.mark.parametrize("streaming", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("name", APIS)
async def test_a_silent_target_sees_its_client_leave(name: str, streaming: bool, silence: Any) -> None:
    async with Pair(name, "openai") as pair:
        pair.servers[0].script, pair.servers[1].script = silence, answers("openai")
        assert "Sunny" in await pair.ask(streaming)
        await pair.assert_left(0)


@pytest.mark.parametrize("streaming", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("name", APIS)
async def test_a_hedge_that_is_cancelled_with_its_call_leaves(name: str, streaming: bool) -> None:
    async with Pair("openai", name) as pair:
        pair.servers[0].script = pair.servers[1].script = says_nothing
        task = asyncio.create_task(pair.ask(streaming))
        await pair.servers[1].visited()
        task.cancel()
        await asyncio.wait([task])
        assert (task.cancelled(), task.cancelling()) == (True, 1)
        assert_settled(pair.pipeline)
        await pair.assert_left(0)
        await pair.assert_left(1)


@pytest.mark.parametrize("streaming", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("name", APIS)
async def test_a_hedge_that_loses_leaves_when_the_pipeline_closes(name: str, streaming: bool) -> None:
    """Until then it may go on, for its hang threshold."""
    async with Pair("openai", name) as pair:
        pair.servers[0].script = answers("openai", pair.servers[1])
        pair.servers[1].script = only_headers
        assert "Sunny" in await pair.ask(streaming)
        assert len(pair.pipeline.lifecycle.background) == 1
        await pair.pipeline.aclose()
        await pair.assert_left(1)
