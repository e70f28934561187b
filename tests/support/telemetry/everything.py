"""Pipelines in every sort of trouble, so that every metric and every attribute is told at least once."""

import asyncio
from contextlib import suppress
from typing import Any

from ranvier import (
    AuthenticationError,
    Message,
    OverloadedError,
    Pipeline,
    RanvierError,
    RateLimitError,
    Response,
    Tool,
    Usage,
)
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers import (
    AdaptiveLimit,
    Breaker,
    Chaos,
    Deadline,
    Fallback,
    Pacing,
    Retry,
    RetryBudget,
    SharedCircuits,
    Throttle,
)
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, after, broken, stream
from support.telemetry.sdk import Sdk

USAGE = Usage(10, 20, 30, cache_read=4, cache_write=3, reasoning=5)


class Everything:
    """All of it, told to one SDK.

    Attributes:
        sdk: What it has heard.
        pipelines: Whose circuits its gauge shows, as long as they are there.
    """

    def __init__(self, naming: Any = "both") -> None:
        self.sdk = Sdk()
        self.naming = naming
        self.pipelines: list[Pipeline] = []

    def pipeline(self, *layers: Any, **settings: Any) -> Pipeline:
        """One with the layer around it."""
        layer = self.sdk.layer(names=self.naming, content=True)
        self.pipelines.append(Pipeline(layer, Deadline(60), *layers, **settings))
        return self.pipelines[-1]

    async def happen(self) -> None:
        """Retries, hedges, both withheld, fallbacks, keys, lookups, circuits, streams, a full registry."""
        with suppress(RanvierError):
            await self._limits_and_keys().complete("Why?")
        with suppress(RanvierError):
            await self.pipeline(Fallback(_at("one", "never")), credentials=lambda *who: 42).complete("Why?")  # type: ignore[arg-type,return-value]
        with suppress(RanvierError):
            await self.pipeline(Fallback(_at("one", "never")), Chaos("auth", rate=1)).complete("Why?")
        await self._used_up()
        await self._outage()
        await self._outage_for_all()
        await self._silence()
        await self._streams()

    def _limits_and_keys(self) -> Pipeline:
        limited = RateLimitError("slow down", provider="one", status=429, retry_after=2, request_id="r")
        refused = AuthenticationError("who?", provider="two", status=401)
        route = Fallback(_at("one", limited), _at("two", refused))
        return self.pipeline(
            route, Retry(max_retries=1), AdaptiveLimit(), Throttle(), credentials=lambda *who: "key"
        )

    async def _used_up(self) -> None:
        used_up = RateLimits(tokens=RateLimit(limit=1000, remaining=0, reset=60))

        def answer(call: Call) -> Response:
            if call.on_limits is not None:
                call.on_limits(used_up, True)
            return Response("Fine.", usage=USAGE)

        route = Fallback(ScriptedProvider("one", answer), _at("two", "Fine."))
        pipeline = self.pipeline(route, Pacing())
        for _ in range(2):
            await pipeline.complete("Why?")

    async def _outage(self) -> None:
        busy = OverloadedError("busy", provider="one", status=503)
        route = Fallback(_at("one", busy), _at("two", Response("Fine.", usage=USAGE, id="r", model="m-1")))
        scarce = RetryBudget(ratio=0, per_second=0)
        pipeline = self.pipeline(route, Retry(max_retries=2, budget=scarce), Breaker(failure_threshold=3))
        for _ in range(3):
            await pipeline.complete(
                [Message.user("Why?")],
                system="Be brief.",
                tools=[Tool("look", "it up")],
                max_tokens=9,
                temperature=0.5,
                top_p=0.9,
                stop=["."],
                seed=7,
                schema=None,
                metadata={"feature": "search"},
            )
        await self.pipeline(Fallback(_at("one", "{}"))).complete("Why?", schema={"type": "object"})

    async def _outage_for_all(self) -> None:
        busy = OverloadedError("busy", provider="one", status=503)
        pipeline = self.pipeline(Fallback(_at("one", busy)), Breaker(shared=SharedCircuits(votes=2)))
        for tenant in ("acme", "other"):
            with suppress(RanvierError):
                await pipeline.complete("Why?", tenant=tenant)

    async def _silence(self) -> None:
        route = Fallback(_at("one", after(5, "Late."), after(5, "Late.")), _at("two", "Fine."), hedge_after=1)
        pipeline = self.pipeline(route)
        await pipeline.complete("Why?")
        while route.budget.take("two"):
            pass
        await pipeline.complete("Why?")

    async def _streams(self) -> None:
        begun = after(1, stream("half", broken()))
        pipeline = self.pipeline(Fallback(_at("one", stream("a"), begun)), Breaker(max_circuits=1))
        first = pipeline.stream("Why?", tenant="acme")
        async with first:
            second = await pipeline.stream("Why?", tenant="other")
            with suppress(RanvierError):
                await second.collect()
        route = Fallback(_at("one", stream("half", broken())), _at("two", "whole"))
        async with self.pipeline(route).stream("Why?", on_break="restart") as restarted:
            await restarted.collect()
        await asyncio.sleep(0)


def _at(name: str, *script: Any) -> ScriptedProvider:
    provider = ScriptedProvider(name, script)
    provider.base_url = f"http://{name}.example:8080/v1"  # type: ignore[attr-defined]  # because: adapters have one
    return provider
