"""What a server that workers share is told: no name of a tenant, no key, no prompt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ranvier import SHARED, Deployment, Pipeline, RanvierError
from ranvier.asgi import status_app
from ranvier.layers import Breaker, Fallback, SharedCircuits, Throttle
from ranvier.pipeline.credentials.resolver import Credential
from ranvier.providers import OpenAI
from ranvier.simulator import Simulator, Status
from ranvier.store import ValkeyStore
from support.valkey.fixtures import shared_valkey, valkey_server
from support.valkey.server import ValkeyServer

__all__ = ["shared_valkey", "valkey_server"]

TENANTS = [f"{name}@customer.example" for name in ("alice", "bob", "carol", "dave", "erin", "frank")]
KEY, SECRET, PROMPT = "sk-of-a-tenant-of-ours", "the secret of all workers", "how tall is the tower"


@asynccontextmanager
async def overheard(server: ValkeyServer) -> AsyncIterator[bytearray]:
    """All that the server is told in this block, by its own command for that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"MONITOR\r\n")
    heard = bytearray(await reader.readline())

    async def listen() -> None:
        while part := await reader.read(65_536):
            heard.extend(part)

    listening = asyncio.create_task(listen())
    try:
        yield heard
        await asyncio.sleep(0.2)
    finally:
        listening.cancel()
        writer.close()


def key_of(tenant: str, provider: str) -> Credential:
    """A key of the tenant's own; one of them has none, and uses ours."""
    return SHARED if tenant == TENANTS[0] else f"{KEY}-{tenant.partition('@')[0]}"


async def an_outage(pipeline: Pipeline, provider: Simulator) -> None:
    """Everything that is shared happens: circuits open, gates close, an operator isolates a tenant."""
    await asyncio.sleep(0.2)  # until the worker has joined
    for status, tenants in ((429, TENANTS[:1]), (401, TENANTS[1:2]), (503, TENANTS[2:])):
        provider.clear()
        provider.always("openai", Status(status))
        for tenant in tenants * 3:
            with pytest.raises(RanvierError):
                await pipeline.complete(PROMPT, tenant=tenant)
        await asyncio.sleep(0.05)
    await pipeline.circuits.isolate((TENANTS[0], "openai"))
    await asyncio.sleep(1.1)  # a heartbeat


async def test_no_name_key_or_prompt_reaches_the_server(valkey_server: ValkeyServer) -> None:
    """Whatever fails: it hears of digests, which nobody can make without the secret."""
    store = ValkeyStore(valkey_server.url, secret=SECRET)
    async with Simulator() as provider, overheard(valkey_server) as heard:
        pipeline = Pipeline(
            Fallback(Deployment(OpenAI("sk-shared-key", base_url=provider.url("openai")), "gpt-5.2")),
            Throttle(max_wait=0.01),
            Breaker(failure_threshold=2, shared=SharedCircuits(votes=3)),
            credentials=key_of,
            store=store,
        )
        status_app(pipeline)
        async with pipeline:
            await an_outage(pipeline, provider)
    told = bytes(heard)
    for tenant in (TENANTS[0], TENANTS[2]):  # isolated, and failing
        assert store.digest(tenant).encode() in told
    for secret in (*TENANTS, "customer.example", KEY, "sk-shared", SECRET, PROMPT, "tower"):
        assert secret.encode() not in told, secret
