"""Two tenants at once, through one service: each upstream request carries the key of its own."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import Pipeline
from ranvier.layers import Breaker, Fallback, Retry, Timeout
from ranvier.providers import OpenAI
from ranvier.simulator import Exchange, Simulator
from support.asgi.applications import FRAMEWORKS, Service
from support.asgi.serving import Served, serving

CONNECTIONS = 40
REQUESTS_EACH = 4
TENANTS = ("acme", "globex")


async def key_of(tenant: str, provider: str) -> str:
    """Each tenant's own, from somewhere that takes its time."""
    await asyncio.sleep(0)
    return f"sk-{tenant}"


@pytest.mark.once
@pytest.mark.parametrize("build", FRAMEWORKS.values(), ids=FRAMEWORKS)
async def test_every_upstream_request_carries_the_key_of_its_own_tenant(build: Callable[..., Any]) -> None:
    """160 requests over 40 connections, where the tenant changes from one request to the next."""
    async with Simulator(latency=0.005) as simulator:
        target = OpenAI(base_url=simulator.url("openai"))
        stack = Fallback(target), Retry(), Breaker(), Timeout(first_token=30)
        async with Pipeline(*stack, credentials=key_of, require_tenant=True) as pipeline:
            async with serving(build(Service(pipeline))) as served:
                await asyncio.gather(*(converse(served, number) for number in range(CONNECTIONS)))
            assert {tenant for (tenant, _), _ in pipeline.circuits} == set(TENANTS)
    assert all(exchange.answered for exchange in simulator.requests)
    assert Counter(map(whose, simulator.requests)) == dict.fromkeys(TENANTS, CONNECTIONS * REQUESTS_EACH // 2)
    assert all(exchange.key == f"sk-{whose(exchange)}" for exchange in simulator.requests)


async def converse(served: Served, number: int) -> None:
    """Whole and streamed answers in turn, for one tenant and the other, on one connection."""
    async with served.caller() as caller:
        for turn in range(REQUESTS_EACH):
            tenant = TENANTS[(number + turn) % 2]
            prompt = f"for-{tenant}-{number}-{turn}"
            path = ("/complete", "/stream")[(number + turn // 2) % 2]
            caller.ask(f"{path}?prompt={prompt}", (b"x-tenant-id", tenant.encode()))
            head, body = await caller.head(), b""
            assert head.startswith(b"HTTP/1.1 200")
            if b"chunked" in head:
                await caller.reader.readuntil(b"0\r\n\r\n")
            else:
                length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
                body = await caller.reader.readexactly(length)
                assert body


def whose(exchange: Exchange) -> str:
    """The tenant by the prompt, which came through the service with nothing else."""
    prompt: str = exchange.body["messages"][-1]["content"]
    return prompt.split("-")[1]
