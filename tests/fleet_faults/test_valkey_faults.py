"""Each fault that tests of the store ask for really happens to the server, or to the way to it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from support.valkey.fixtures import Servers
from support.valkey.proxy import Proxy, Way
from support.valkey.server import ValkeyServer

valkey = pytest.importorskip("valkey")

pytestmark = pytest.mark.once


def client(port: int) -> Any:
    """A client that waits a quarter of a second for an answer."""
    return valkey.Valkey("127.0.0.1", port, socket_timeout=0.25, decode_responses=True)


def test_a_shared_server_is_emptied_between_tests(valkey_server: ValkeyServer) -> None:
    """What the next test would see of this one is gone by then."""
    assert valkey_server.ask("DBSIZE") == 0
    valkey_server.ask("SET", "left", "behind")


def test_a_shared_server_has_nothing_of_another_test(valkey_server: ValkeyServer) -> None:
    """The other half of the test above."""
    assert valkey_server.ask("DBSIZE") == 0


def test_a_restarted_server_has_lost_its_data_and_its_name(own_valkey: ValkeyServer) -> None:
    """It listens where it did, as another run."""
    own_valkey.ask("SET", "key", "value")
    before = own_valkey.about("server")["run_id"]
    own_valkey.restart()
    assert own_valkey.ask("GET", "key") is None
    assert own_valkey.about("server")["run_id"] != before


def test_a_paused_server_answers_nothing_until_it_goes_on(own_valkey: ValkeyServer) -> None:
    """Its connections stay open all the while."""
    with client(own_valkey.port) as asks:
        asks.ping()
        own_valkey.pause()
        assert not own_valkey.answers()
        with pytest.raises(valkey.TimeoutError):
            asks.ping()
        own_valkey.resume()
        assert asks.ping()


def test_a_killed_server_refuses_connections(own_valkey: ValkeyServer) -> None:
    """And nothing is left of its process."""
    own_valkey.kill()
    with pytest.raises(valkey.ConnectionError), client(own_valkey.port) as asks:
        asks.ping()


def test_a_replica_is_read_only_until_it_leads(servers: Servers) -> None:
    """It keeps what had arrived when it stopped following."""
    primary, replica = servers(), servers()
    primary.ask("SET", "key", "value")
    replica.follow(primary)
    with pytest.raises(valkey.ReadOnlyError):
        replica.ask("SET", "key", "other")
    primary.kill()
    replica.lead()
    assert replica.ask("GET", "key") == "value"
    assert replica.ask("SET", "key", "other") in (True, "OK")


def test_a_full_server_refuses_to_write(servers: Servers) -> None:
    """With `noeviction`, which is the default of the server."""
    full = servers(maxmemory="4mb")
    full.ask("SETRANGE", "filling", 5_000_000, "x")
    with pytest.raises(valkey.OutOfMemoryError):
        full.ask("SET", "key", "value")


def test_a_proxy_carries_what_it_is_not_told_to_lose(proxied_valkey: Proxy) -> None:
    """Also after it lost something."""
    with client(proxied_valkey.port) as asks:
        assert asks.ping()
        proxied_valkey.become(Way.LOST)
        with pytest.raises(valkey.TimeoutError):
            asks.ping()
        proxied_valkey.become(Way.WHOLE)
        assert asks.ping()


def test_a_deaf_way_lets_commands_through(proxied_valkey: Proxy, own_valkey: ValkeyServer) -> None:
    """The server executes them, and the client never hears of it."""
    with client(proxied_valkey.port) as asks:
        asks.ping()
        proxied_valkey.become(Way.DEAF)
        with pytest.raises(valkey.TimeoutError):
            asks.incr("counter")
    assert own_valkey.ask("GET", "counter") == "1"


def test_what_is_held_arrives_late(proxied_valkey: Proxy, own_valkey: ValkeyServer) -> None:
    """As a command does whose client has given up on it, once a partition ends."""
    with client(proxied_valkey.port) as asks:
        asks.ping()
        proxied_valkey.become(Way.HELD)
        asks.connection_pool.get_connection("INCR").send_command("INCR", "counter")
        assert own_valkey.ask("GET", "counter") is None
        proxied_valkey.become(Way.WHOLE)
        until = time.monotonic() + 5
        while own_valkey.ask("GET", "counter") is None and time.monotonic() < until:
            time.sleep(0.01)
        assert own_valkey.ask("GET", "counter") == "1"


def test_a_mute_way_loses_pushes_and_no_replies(proxied_valkey: Proxy) -> None:
    """A subscriber hears nothing, while commands are answered."""
    with client(proxied_valkey.port) as asks, client(proxied_valkey.port).pubsub() as hears:
        hears.subscribe("channel")
        assert hears.get_message(timeout=1)["type"] == "subscribe"
        proxied_valkey.become(Way.MUTE)
        assert asks.publish("channel", "unheard") == 1
        assert hears.get_message(timeout=0.2) is None
        assert asks.ping()


def test_a_broken_way_refuses_connections(proxied_valkey: Proxy) -> None:
    """And none stays open."""
    with client(proxied_valkey.port) as asks:
        asks.ping()
        proxied_valkey.become(Way.REFUSED)
        assert proxied_valkey.connections == 0
        with pytest.raises((valkey.ConnectionError, valkey.TimeoutError)):
            asks.ping()


def test_a_way_leads_to_another_server(servers: Servers, proxied_valkey: Proxy) -> None:
    """Which is what a failover looks like from here."""
    other = servers()
    other.ask("SET", "who", "other")
    with client(proxied_valkey.port) as asks:
        assert asks.get("who") is None
        proxied_valkey.lead_to(other.port)
        assert asks.get("who") == "other"
