"""The server inside a test's own loop: it starts and stops at once, leaves nothing, and carries load."""

import asyncio
import socket
import statistics
import struct
import subprocess
import sys
import time

import httpx
import pytest

from ranvier.errors import ConfigurationError
from ranvier.simulator import End, Silence, Simulator, Slow, Stall
from support.simulator.talking import WIRES


async def test_it_opens_and_closes_at_once():
    """Ten simulators come and go within a moment."""
    started = time.perf_counter()
    for _ in range(10):
        async with Simulator():
            pass
    assert time.perf_counter() - started < 2  # uvicorn alone takes 0.3 s each


async def test_closing_breaks_off_what_runs_and_leaves_nothing(client, talk):
    """Silent, stalled and slow replies and idle connections all end, and no task is left."""
    before = asyncio.all_tasks()
    async with Simulator() as sim:
        talk.sim = sim
        await asyncio.gather(talk("ollama"), talk("ollama"))
        sim.play("openai", Silence(), Stall(after=1, pings=0.001), Slow(pace=9), Slow(headers=9))
        asked = [asyncio.create_task(client.post(**talk.request("openai", stream=True))) for _ in range(4)]
        await sim.busy(4)
        closing = time.perf_counter()
    assert time.perf_counter() - closing < 1
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(end, httpx.TransportError) for end in ends)
    assert [exchange.end for exchange in sim.requests][2:] == [End.SHUTDOWN] * 4
    assert sim.open_connections == sim.in_progress == 0
    assert asyncio.all_tasks() == before


async def test_the_port_is_given_back():
    """What was closed refuses connections, and the next one may take its port."""
    async with Simulator() as first:
        pass
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(first.host, first.port)
    async with Simulator(port=first.port) as second:
        assert second.url("openai") == f"http://127.0.0.1:{first.port}/openai/v1"
        assert set(second.urls) == {*WIRES, "bedrock"}


async def test_a_taken_port_is_an_error_at_once(sim):
    """A second simulator on the same port does not open, and leaves no socket behind."""
    with pytest.raises(OSError, match="in use"):
        await Simulator(port=sim.port).open()


async def test_it_opens_once(sim):
    """A simulator's log and script belong to one run."""
    with pytest.raises(ConfigurationError, match="create a new one"):
        await sim.open()


async def test_one_that_was_never_opened_can_be_closed():
    """Closing needs no opening."""
    sim = Simulator()
    assert sim.open_connections == 0
    await sim.aclose()


@pytest.mark.parametrize("wrong", [{"latency": -1}, {"pace": "fast"}, {"log_size": 0}])
def test_bad_settings_are_refused(wrong):
    """Each by its name."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Simulator(**wrong)


async def test_without_uvicorn_it_says_what_is_missing(monkeypatch):
    """The remedy is in the message."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "ranvier.simulator.server")
    with pytest.raises(ConfigurationError, match=r'pip install "ranvier\[cli\]"'):
        await Simulator().open()


def test_importing_it_imports_no_extra():
    """Neither uvicorn nor pydantic is needed to write a script down."""
    code = "import sys, ranvier.simulator; print({'uvicorn', 'starlette', 'pydantic'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


async def test_connections_are_kept(sim, talk):
    """A client that asks again asks over the same connection, after an error, too."""
    sim.down("openai", seconds=0.001)
    for provider in ("openai", "anthropic", "ollama", "openai"):
        for stream in (True, False):
            await talk(provider, stream=stream)
    assert (sim.total, sim.open_connections) == (8, 1)


async def test_an_idle_connection_may_be_reset_by_its_client(sim):
    """It is forgotten at once, with the timer that would have closed it some day."""
    reader, writer = await asyncio.open_connection(sim.host, sim.port)
    writer.write(b"GET /openai HTTP/1.1\r\nhost: x\r\n\r\n")
    await reader.readuntil(b"}}")
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    async with asyncio.timeout(30):
        while sim.open_connections:  # noqa: ASYNC110  # because: idle connections tell nobody
            await asyncio.sleep(0.001)
    assert sim.requests[0].end is End.SENT


async def test_replies_are_not_held_back(sim, talk):
    """Nothing waits for an acknowledgement: most of twenty replies in a row take no 40 ms."""
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        await talk("openai")
        seconds.append(time.perf_counter() - started)
    assert statistics.median(seconds) < 0.03


@pytest.mark.once
async def test_load(sim):
    """300 clients at once, each with two streams of tokens that come one by one, all get all."""
    sim.always("anthropic", Slow(first_token=0.01, pace=0.0005))
    body = b'{"model":"m","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    head = b"POST /anthropic/v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\nanthropic-version: 1\r\n"
    request = head + b"content-length: %d\r\n\r\n" % len(body) + body

    async def client():
        reader, writer = await asyncio.open_connection(sim.host, sim.port)
        replies = []
        for _ in range(2):
            writer.write(request)
            replies.append(await reader.readuntil(b"\r\n0\r\n\r\n"))
        writer.close()
        await writer.wait_closed()
        return replies

    replies = [reply for pair in await asyncio.gather(*(client() for _ in range(300))) for reply in pair]
    assert all(b"message_stop" in reply for reply in replies)
    assert len({reply.count(b"text_delta") for reply in replies}) == 1
    assert len(sim.requests) == sum(exchange.answered for exchange in sim.requests) == 600


async def test_the_clock_of_good_answers(talk):
    """Latency and pace are kept, a quarter more or less, whole and streamed."""
    async with Simulator(latency=0.02, pace=0.0001) as talk.sim:
        await talk("openai", stream=True)
        await talk("openai")
    for exchange in talk.sim.requests:
        assert exchange.first_token - exchange.started >= 0.015
