"""Sessions with a real server, and what happens to them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from ranvier.facts.circuit import CLOSED, ISOLATED, OPEN
from ranvier.store import StoreError, ValkeyStore
from ranvier.store.commands import Change
from ranvier.store.commands.circuits import Alarm, CircuitView, Isolate
from ranvier.store.commands.gates import CloseGate, GateView
from ranvier.store.commands.tenants import TenantFailed, TenantKey, TenantOpened
from ranvier.store.commands.workers import Heartbeat, Look, Missed
from ranvier.store.protocol import Worker
from support.store.clocked import KEY, counts, tenant
from support.store.moves import CIRCUITS, MAKES, RULES, Move, Seen
from support.store.sessions import Received, session_with
from support.valkey.fixtures import Servers
from support.valkey.server import ValkeyServer

SOMEONE = Worker("a", "here", 1, "1")
TENANT = TenantKey(tenant(1), "openai")


# --- round trips and pushes ----------------------------------------------------------------------


async def test_replies_come_in_the_order_of_the_commands(valkey_server: ValkeyServer) -> None:
    """Of one round trip, whatever they are about."""
    async with session_with(ValkeyStore(valkey_server.url)) as (session, _):
        assert await session.execute([]) == []
        opened, failed, gate = await session.execute(
            [TenantOpened(TENANT, "a", 5_000), TenantFailed(TENANT, "a"), CloseGate("key", "a", 5_000, "why")]
        )
        assert opened.state is failed.state is OPEN  # type: ignore[union-attr]
        assert gate.reason == "why"  # type: ignore[union-attr]


async def test_changes_are_pushed_to_all_workers(valkey_server: ValkeyServer) -> None:
    """Also to the one that made them, and only within a prefix."""
    store, other = ValkeyStore(valkey_server.url), ValkeyStore(valkey_server.url, prefix="other")
    async with (
        session_with(store, "a") as (session, mine),
        session_with(store, "b") as (_, theirs),
        session_with(other, "c") as (apart, nothing),
    ):
        [reply] = await session.execute([Isolate(KEY, "a")])
        for received in (mine, theirs):
            assert await received.until(bool) == reply.circuit  # type: ignore[union-attr]
        [looked] = await apart.execute([Look()])
        assert looked.changes == ()  # type: ignore[union-attr]
        assert nothing == []


async def test_what_others_publish_is_ignored(valkey_server: ValkeyServer) -> None:
    """Garbage, kinds of changes and fields that this version does not know."""
    async with session_with(ValkeyStore(valkey_server.url)) as (session, received):
        for message in (b"\xff", "null", "[1]", '{"circuit": "x"}', '{"weather": 1}', "{}"):
            valkey_server.ask("PUBLISH", "ranvier:1:changes", message)
        valkey_server.ask(
            "PUBLISH",
            "ranvier:1:changes",
            '{"gate": "g", "closed_for": 1, "generation": "2", "reason": "r", "by": "b", "moon": "full"}',
        )
        await session.execute([Isolate(KEY, "a")])
        await received.until(lambda change: isinstance(change, CircuitView))
        assert [type(change).__name__ for change in received] == ["GateView", "CircuitView"]


async def test_scripts_are_sent_again_after_a_flush(valkey_server: ValkeyServer) -> None:
    """In one more round trip, in the same order."""
    async with session_with(ValkeyStore(valkey_server.url)) as (session, _):
        await session.execute([Isolate(KEY, "a")])
        valkey_server.ask("SCRIPT", "FLUSH")
        replies = await session.execute([Alarm(KEY, "a", 0), Look(), Look(0, (KEY,)), Alarm(KEY, "a", 0)])
        assert [reply.accepted for reply in (replies[0], replies[3])] == [False, False]  # type: ignore[union-attr]
        assert [change.state for change in replies[2].changes] == [ISOLATED]  # type: ignore[union-attr]


async def test_every_key_ends_some_time(valkey_server: ValkeyServer) -> None:
    """Whatever workers say."""
    async with session_with(ValkeyStore(valkey_server.url)) as (session, _):
        [alarm] = await session.execute([Alarm(CIRCUITS[0], "a", 0)])
        seen = Seen(alarm.circuit, 1, 1, 0)  # type: ignore[union-attr]
        for what, make in MAKES.items():
            move = Move(what, 0, "a", CIRCUITS[0], 0, 1, True, TENANT, RULES[0], counts(1))
            await session.execute([make(move._replace(number=0) if what == "count" else move, seen)])
            for key in valkey_server.ask("KEYS", "*"):
                assert valkey_server.ask("PTTL", key) > 0, (what, key)


# --- a server that fails -------------------------------------------------------------------------


async def test_a_stopped_server_fails_in_time(own_valkey: ValkeyServer) -> None:
    """After 250 ms, and at once from then on; once it goes on, the next session works."""
    store = ValkeyStore(own_valkey.url)
    async with session_with(store) as (session, received):
        own_valkey.pause()
        started = time.monotonic()
        with pytest.raises(StoreError, match="did not answer in time"):
            await session.execute([Look()])
        assert time.monotonic() - started < 2
        with pytest.raises(StoreError, match="connect again"):
            await session.execute([Look()])
        own_valkey.resume()
        async with session_with(store) as (again, _):
            assert await again.execute([Isolate(KEY, "a")])
            assert again.epoch == session.epoch
            await asyncio.sleep(0.1)
            assert received == []  # the pushes have ended as well


async def test_a_loop_that_stood_still_is_not_a_server_that_did(valkey_server: ValkeyServer) -> None:
    """The worker was busy for longer than the limit, and the reply was there all the while."""
    async with session_with(ValkeyStore(valkey_server.url, timeout=0.2)) as (session, _):
        asyncio.get_running_loop().call_later(0.0001, time.sleep, 0.5)
        assert await session.execute([Look()] * 100)


async def test_a_restart_is_another_epoch(own_valkey: ValkeyServer) -> None:
    """The server has another run id, and its data are gone."""
    store = ValkeyStore(own_valkey.url)
    async with session_with(store) as (session, _):
        own_valkey.kill()
        with pytest.raises(StoreError):
            await session.execute([Look()])
        with pytest.raises(StoreError, match="cannot be reached"):
            await store.connect(SOMEONE, print)
        own_valkey.start()
        async with session_with(store) as (again, _):
            assert again.epoch.key != session.epoch.key
            assert again.epoch.run_id != session.epoch.run_id
            assert again.epoch.role == "master"


async def test_a_flush_is_seen_by_the_next_heartbeat(valkey_server: ValkeyServer) -> None:
    """The connection stays: only the epoch tells that the data are gone."""
    store = ValkeyStore(valkey_server.url)
    async with session_with(store) as (session, _):
        [alive] = await session.execute([Heartbeat("a")])
        assert alive.epoch == session.epoch.key  # type: ignore[union-attr]
        valkey_server.ask("FLUSHALL")
        [alive] = await session.execute([Heartbeat("a")])
        assert alive.epoch == ""  # type: ignore[union-attr]
        async with session_with(store) as (again, _):
            assert again.epoch.key not in ("", session.epoch.key)


async def test_a_full_server_counts_as_down(servers: Servers) -> None:
    """Nothing is half written."""
    server = servers(maxmemory="2mb", maxmemory_policy="noeviction")
    async with session_with(ValkeyStore(server.url)) as (session, _):
        server.ask("EVAL", "redis.call('SET', 'filler', string.rep('x', 3000000))", 0)
        with pytest.raises(StoreError, match="is full"):
            await session.execute([Isolate(KEY, "a")])


async def test_a_replica_counts_as_down(servers: Servers) -> None:
    """The worker was pointed at the wrong one, or the primary was demoted."""
    primary, replica = servers(), servers()
    async with session_with(ValkeyStore(replica.url)) as (session, _):
        replica.follow(primary)
        with pytest.raises(StoreError, match=r"is a replica|connect again|cannot be reached"):
            await session.execute([Isolate(KEY, "a")])
    with pytest.raises(StoreError, match="is a replica, which cannot be written to: name the primary"):
        await ValkeyStore(replica.url).connect(SOMEONE, print)


async def test_keys_of_somebody_else_are_an_error_of_the_store(valkey_server: ValkeyServer) -> None:
    """And of nothing else."""
    valkey_server.ask("RPUSH", "ranvier:1:circuit:{ours/openai/gpt-5}", "ours")
    async with session_with(ValkeyStore(valkey_server.url)) as (session, _):
        with pytest.raises(StoreError, match="WRONGTYPE"):
            await session.execute([Isolate(KEY, "a")])


async def test_a_cluster_is_rejected(servers: Servers) -> None:
    """Scripts would not find the keys of other nodes."""
    server = servers(cluster_enabled="yes", cluster_port=free_port())
    with pytest.raises(StoreError, match=r"runs as cluster: name a single server"):
        await ValkeyStore(server.url).connect(SOMEONE, print)


async def test_a_cancelled_round_trip_ends_the_session(own_valkey: ValkeyServer) -> None:
    """Or the next one would read its replies."""
    async with session_with(ValkeyStore(own_valkey.url, timeout=10)) as (session, _):
        own_valkey.pause()
        task = asyncio.create_task(session.execute([Isolate(KEY, "a")]))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        own_valkey.resume()
        with pytest.raises(StoreError, match="connect again"):
            await session.execute([Look()])


async def test_an_interrupted_subscriber_says_so_and_goes_on(valkey_server: ValkeyServer) -> None:
    """Commands are not affected."""
    async with session_with(ValkeyStore(valkey_server.url)) as (session, received):
        valkey_server.ask("CLIENT", "KILL", "TYPE", "pubsub")
        await received.until(lambda change: change == Missed())
        await session.execute([Isolate(KEY, "a")])
        await received.until(lambda change: isinstance(change, CircuitView))


async def test_a_receiver_that_fails_hears_the_next_change(valkey_server: ValkeyServer) -> None:
    """Its error is reported to the event loop."""
    reported: list[BaseException | None] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: reported.append(said.get("exception")))
    heard = Received()

    def receive(change: Change) -> None:
        heard.append(change)
        raise LookupError

    session = await ValkeyStore(valkey_server.url).connect(SOMEONE, receive)
    await session.execute([Isolate(KEY, "a"), CloseGate("key", "a", 5_000, "why")])
    await heard.until(lambda change: isinstance(change, GateView))
    await session.aclose()
    assert [type(error) for error in reported] == [LookupError, LookupError]


def free_port() -> str:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return str(bound.getsockname()[1])


# --- who may speak -------------------------------------------------------------------------------


async def test_another_secret_is_told_at_connect(valkey_server: ValkeyServer) -> None:
    """Its names of tenants are not those of the others."""
    one, other = (ValkeyStore(valkey_server.url, secret=secret) for secret in ("one", "other"))
    assert one.digest("tenant") != other.digest("tenant")
    async with session_with(one) as (first, _), session_with(other) as (second, _):
        assert first.epoch.same_secret
        assert not second.epoch.same_secret


async def test_workers_of_another_protocol_are_told_at_connect(valkey_server: ValkeyServer) -> None:
    """During a rolling upgrade; they share nothing."""
    valkey_server.ask("ZADD", "ranvier:protocols", int(time.time() * 1000), "2")
    async with session_with(ValkeyStore(valkey_server.url)) as (session, _):
        assert session.epoch.other_protocols == (2,)


async def test_a_wrong_password_is_an_error_without_it(own_valkey: ValkeyServer) -> None:
    """And the right one works."""
    own_valkey.ask("CONFIG", "SET", "requirepass", "correct-horse")
    right, wrong = (
        own_valkey.url.replace("://", f"://:{word}@") for word in ("correct-horse", "battery-staple")
    )
    with pytest.raises(StoreError, match="rejects the user or the password") as caught:
        await ValkeyStore(wrong).connect(SOMEONE, print)
    assert "battery" not in str(caught.value)
    assert "battery" not in repr(ValkeyStore(wrong))
    async with session_with(ValkeyStore(right)) as (session, _):
        [reply] = await session.execute([Look(0, (KEY,))])
        assert [change.state for change in reply.changes] == [CLOSED]  # type: ignore[union-attr]


async def test_tls_is_spoken_where_the_url_says_so(valkey_server: ValkeyServer, tmp_path: Path) -> None:
    """With the certificate of an authority that the URL names; without it nothing is sent."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    async with tls_before(valkey_server.port, context) as port:
        url = f"valkeys://localhost:{port}"
        store = ValkeyStore(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}")
        async with session_with(store) as (session, received):
            await session.execute([Isolate(KEY, "a")])
            await received.until(lambda change: isinstance(change, CircuitView))
        with pytest.raises(StoreError, match="certificate"):
            await ValkeyStore(url).connect(SOMEONE, print)


async def test_the_certificate_of_another_name_is_rejected(
    valkey_server: ValkeyServer, tmp_path: Path
) -> None:
    """The authority may have many customers. Who knows better says so in the URL."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("somebody.example").configure_cert(context)
    async with tls_before(valkey_server.port, context) as port:
        url = f"valkeys://localhost:{port}?ssl_ca_certs={tmp_path / 'ca.pem'}"
        with pytest.raises(StoreError, match="certificate is not valid for 'localhost'"):
            async with session_with(ValkeyStore(url)):
                pass
        async with session_with(ValkeyStore(f"{url}&ssl_check_hostname=no")) as (session, _):
            await session.execute([Look()])
        async with session_with(ValkeyStore(f"{url}&ssl_cert_reqs=none")) as (session, _):
            await session.execute([Look()])


LEAVES = """
import asyncio, gc, sys
from ranvier.store import ValkeyStore
from ranvier.store.commands.workers import Look
from ranvier.store.protocol import Worker

async def main():
    session = await ValkeyStore(sys.argv[1]).connect(Worker("a", "here", 1, "1"), print)
    await session.execute([Look()])
    await session.aclose()

with asyncio.Runner() as runner:
    runner.run(main())
gc.collect()
"""


async def test_a_session_with_tls_leaves_nothing_when_its_event_loop_closes(
    valkey_server: ValkeyServer, tmp_path: Path
) -> None:
    """Though the server has had no time to say good-bye, which TLS would wait for."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with tls_before(valkey_server.port, context) as port:
        url = f"valkeys://127.0.0.1:{port}?ssl_ca_certs={tmp_path / 'ca.pem'}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", LEAVES, url, stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate()
    assert said.decode() == ""


@asynccontextmanager
async def tls_before(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A port that speaks TLS, before a server that does not."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await reader.read(65_536):
                writer.write(some)
        writer.close()

    forwarding: set[asyncio.Task[None] | None] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        forwarding.add(asyncio.current_task())
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(there, writer))
        await back.wait_closed()

    server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, forwarding))


async def test_workers_are_named_on_the_server(valkey_server: ValkeyServer) -> None:
    """For `CLIENT LIST`: both connections of each."""
    async with session_with(ValkeyStore(valkey_server.url), "12 ab\n"):
        assert str(valkey_server.ask("CLIENT", "LIST")).count("name=ranvier-12ab ") == 2
