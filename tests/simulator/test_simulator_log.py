"""What the log says of a request, and when."""

import asyncio
import time

import httpx
import pytest

from ranvier.simulator import Cut, End, Silence, Simulator, Slow, Status


async def test_a_request_is_logged_with_all_that_is_known(sim, talk):
    """Who asked for what, what was played, what was sent, and how it ended."""
    sim.play("openai", Cut(after=2))
    reply = await talk("openai", "What is it?", stream=True, key="sk-7", temperature=1)
    await sim.idle()
    [exchange] = sim.requests
    assert (exchange.number, exchange.provider, exchange.path) == (1, "openai", "v1/chat/completions")
    assert (exchange.key, exchange.model, exchange.streaming) == ("sk-7", "m", True)
    assert exchange.body["messages"][0]["content"] == "What is it?"
    assert exchange.body["temperature"] == 1
    assert exchange.headers["authorization"] == "Bearer sk-7"
    assert (exchange.fault, exchange.status, exchange.tokens) == (Cut(after=2), 200, 2)
    assert exchange.sent == len(reply.response.content)
    assert 0 < exchange.started <= exchange.first_token <= exchange.ended < 1
    assert exchange.end is End.SENT
    assert "sk-7" not in repr(exchange)


async def test_answered_is_a_good_answer_and_whole(sim, talk):
    """Neither an error nor a cut stream is an answer; a slow one is."""
    sim.play("openai", Status(500), Cut(), Slow(first_token=0.001))
    for _ in range(4):
        await talk("openai", stream=True)
    await talk("openai", model="")
    assert [exchange.answered for exchange in sim.requests] == [False, False, True, True, False]


async def test_the_log_keeps_the_last_ones(talk):
    """It is bounded, and still counts all."""
    async with Simulator(log_size=3) as talk.sim:
        for _ in range(5):
            await talk("ollama")
        assert [exchange.number for exchange in talk.sim.requests] == [3, 4, 5]
        assert talk.sim.total == 5


@pytest.mark.parametrize("fault", [Silence(), Slow(headers=9), Slow(first_token=9), Slow(pace=9)])
async def test_a_client_that_goes_is_noticed_at_once(sim, client, talk, fault):
    """Whatever the reply is waiting for, the client's leaving ends it, with the time and the reason."""
    sim.play("anthropic", fault)
    asked = asyncio.create_task(client.post(**talk.request("anthropic", stream=True)))
    await sim.busy()
    await asyncio.sleep(0.005)
    asked.cancel()
    left = time.perf_counter()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await sim.idle()
    assert time.perf_counter() - left < 0.5
    [exchange] = sim.requests
    assert exchange.client_left
    assert exchange.tokens == (1 if fault == Slow(pace=9) else 0)


async def test_a_client_that_goes_while_it_asks(sim):
    """A request whose body never came whole is logged, too."""
    _, writer = await asyncio.open_connection(sim.host, sim.port)
    writer.write(b"POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
    await sim.busy()
    writer.close()
    await writer.wait_closed()
    await sim.idle()
    assert sim.requests[0].client_left


async def test_what_is_in_progress_is_counted(sim, client, talk):
    """Requests in progress and open connections are known at every moment."""
    sim.play("openai", Silence())
    asked = asyncio.create_task(client.post(**talk.request("openai")))
    await sim.busy()
    await talk("openai")
    assert (sim.in_progress, sim.open_connections, sim.total) == (1, 2, 2)
    assert sim.requests[0].end is End.RUNNING
    with pytest.raises(TimeoutError):
        await sim.idle(within=0.005)
    asked.cancel()
    await asyncio.wait((asked,))
    await sim.idle()
    assert (sim.in_progress, sim.open_connections) == (0, 1)
    assert repr(sim).endswith("1 rules, 2 requests, 0 in flight>")


async def test_whoever_wants_to_know_is_told(talk):
    """`on_end` gets each exchange when it has ended."""
    told = []
    async with Simulator(on_end=told.append) as talk.sim:
        await talk("ollama")
        await talk.sim.idle()
        assert told == list(talk.sim.requests)
        assert told[0].end is End.SENT


async def test_two_clients_share_a_log_and_nothing_else(sim, talk):
    """Keys and cookies of the requests can be read in the log."""
    async with httpx.AsyncClient(verify=False, cookies={"a": "b"}) as talk.client:
        await talk("openai", key="sk-1")
        await talk("openai", key="sk-2")
    assert [(one.key, one.headers.get("cookie")) for one in sim.requests] == [
        ("sk-1", "a=b"),
        ("sk-2", "a=b"),
    ]
