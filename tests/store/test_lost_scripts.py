"""A server that does not know the scripts any more: that costs one round trip, and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from ranvier.facts.circuit import CLOSED, ISOLATED, OPEN
from ranvier.store import StoreError, ValkeyStore
from ranvier.store.commands import Command
from ranvier.store.commands.circuits import Alarm, Isolate, Reset
from ranvier.store.commands.tenants import TenantClosed, TenantFailed, TenantKey, TenantOpened
from ranvier.store.commands.workers import Heartbeat, Look, ReadFleet
from support.fleet.service import DOWN, Service
from support.store.clocked import KEY, tenant
from support.store.sessions import session_with
from support.valkey.proxy import Proxy
from support.valkey.server import ValkeyServer

pytest.importorskip("valkey")

TENANT = TenantKey(tenant(1), "openai")


async def test_it_is_one_round_trip_more(own_valkey: ValkeyServer, proxied_valkey: Proxy) -> None:
    """Each of the two may take as long as any other."""
    async with session_with(ValkeyStore(proxied_valkey.url, timeout=0.4)) as (session, _):
        own_valkey.ask("SCRIPT", "FLUSH")
        proxied_valkey.delay = 0.25
        [reply] = await session.execute([Isolate(KEY, "a")])
        assert reply.circuit.state is ISOLATED  # type: ignore[union-attr]


BATCHES: list[Sequence[Command]] = [
    (TenantOpened(TENANT, "a", 5_000), TenantClosed(TENANT, "a"), TenantFailed(TENANT, "b")),
    (TenantClosed(TENANT, "a"), TenantOpened(TENANT, "a", 5_000), TenantFailed(TENANT, "b")),
]


@pytest.mark.parametrize(("batch", "state"), [(BATCHES[0], CLOSED), (BATCHES[1], OPEN)])
@pytest.mark.parametrize("known", [0, 1])
async def test_commands_are_carried_out_in_their_order(
    valkey_server: ValkeyServer, batch: Sequence[Command], state: str, known: int
) -> None:
    """Also where the server still knows the script of one and not that of the other."""
    async with session_with(ValkeyStore(valkey_server.url)) as (session, _):
        await session.execute([batch[known]])
        valkey_server.ask("DEL", f"ranvier:1:tenant:{TENANT.tenant}:openai")
        replies = await session.execute(batch)
        assert replies[-1].state is state  # type: ignore[union-attr]


async def test_what_came_before_the_unknown_one_is_not_repeated(valkey_server: ValkeyServer) -> None:
    """All others are carried out once."""
    async with session_with(ValkeyStore(valkey_server.url)) as (session, received):
        await session.execute([Isolate(KEY, "a"), Reset(KEY, "a"), Heartbeat("a")])
        first, _, last = await session.execute([Isolate(KEY, "a"), Look(), Reset(KEY, "a")])
        assert (first.accepted, last.accepted) == (True, True)  # type: ignore[union-attr]
        await received.until(lambda change: len(received) >= 4)
        assert [change.state for change in received] == [ISOLATED, CLOSED] * 2  # type: ignore[union-attr]


async def test_a_key_of_somebody_else_is_named(valkey_server: ValkeyServer) -> None:
    """The server names neither the key nor the command."""
    valkey_server.ask("SET", "ranvier:1:workers", "theirs")
    for command, words in ((Heartbeat("a"), "heartbeat of 'a': .*WRONGTYPE"), (ReadFleet(), "fleet of ''")):
        async with session_with(ValkeyStore(valkey_server.url)) as (session, _):
            with pytest.raises(StoreError, match=words):
                await session.execute([Alarm(KEY, "a", 0), command])


async def test_workers_do_not_notice_it(
    valkey_server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Their circuit opens for all of them, and the store is never lost."""
    caplog.set_level(logging.WARNING, "ranvier.fleet")
    async with Service(ValkeyStore(valkey_server.url), 2, votes=4) as service:
        service.reply = DOWN
        for number in range(4):
            valkey_server.ask("SCRIPT", "FLUSH")
            await service.ask(number % 2, f"tenant {number}")
        async with asyncio.timeout(3):
            while service.states() != {"open"}:
                valkey_server.ask("SCRIPT", "FLUSH")
                await asyncio.sleep(0.02)
        assert all(member.governs for member in service.members())
        assert [each.getMessage() for each in caplog.records] == []
