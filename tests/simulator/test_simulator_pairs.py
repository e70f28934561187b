"""Each provider goes on with a conversation that another began, and gives it back, over real sockets.

The simulator checks the ids, signatures and encrypted reasoning of each request as the real providers do, and
OpenAI's encrypted reasoning is bound to an account.
"""

import itertools
import json

import pytest

from ranvier import Message
from ranvier.simulator import Simulator
from support.simulator.asking_adapters import ALL_ASKED, ASKED, OPAQUE, THINKING, TOOLS, WAYS, Asking, asking

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("one_tls_context")]

PAIRS = list(itertools.permutations(ASKED, 2))
either_way = pytest.mark.parametrize("way", WAYS)


async def one_turn(ask: Asking, way: str, history: list[Message], question: str) -> None:
    """A question, a call of a tool, its result and an answer, all of which end in `history`."""
    history.append(Message.user(question))
    called = await ask(way, history, tools=TOOLS)
    assert called.tool_calls
    history += [called.message, *(Message.tool(call.id, "21 °C") for call in called.tool_calls)]
    history.append((await ask(way, history, tools=TOOLS)).message)


def sent_back(sim: Simulator) -> set[str]:
    """What stands in the latest request of anyone's opaque reasoning."""
    text = json.dumps(sim.requests[-1].body)
    return {mark for marks in OPAQUE.values() for mark in marks if mark in text}


@either_way
@pytest.mark.parametrize(("first", "second"), PAIRS)
async def test_a_conversation_goes_on_at_another_provider_and_returns(
    sim: Simulator, first: str, second: str, way: str
) -> None:
    """No request is refused, not even once; the first finds its own reasoning again, and only that."""
    history: list[Message] = []
    async with (
        asking(sim, first, options=THINKING[first]) as one,
        asking(sim, second, options=THINKING[second]) as other,
    ):
        await one_turn(one, way, history, "use get_weather")
        await one_turn(other, way, history, "use get_time")
        await one_turn(one, way, history, "use get_weather and get_time")
        assert sent_back(sim) == set(OPAQUE[first])
        await one_turn(other, way, history, "use get_time")
        assert sent_back(sim) == set(OPAQUE[second])
    assert [exchange.refused or exchange.answered for exchange in sim.requests] == [True] * 8


@either_way
@pytest.mark.parametrize("first", ASKED)
async def test_another_provider_takes_over_in_the_middle_of_a_turn(
    sim: Simulator, first: str, way: str
) -> None:
    """The first calls a tool, and each of the others is given the result."""
    question = Message.user("use get_weather and get_time")
    async with asking(sim, first, options=THINKING[first]) as ask:
        called = await ask(way, [question], tools=TOOLS)
    results = [Message.tool(call.id, "fine") for call in called.tool_calls]
    assert len(results) == 2
    for second in ASKED:
        async with asking(sim, second, options=THINKING[second]) as ask:
            assert (await ask(way, [question, called.message, *results], tools=TOOLS)).text
        assert sent_back(sim) == set(OPAQUE[first] if second == first else ())
    assert [exchange.refused for exchange in sim.requests] == [None] * (1 + len(ASKED))


@either_way
@pytest.mark.parametrize("provider", [name for name, each in ALL_ASKED.items() if each.key_is_account])
async def test_another_account_of_the_same_provider_goes_on_without_the_reasoning(
    sim: Simulator, provider: str, way: str
) -> None:
    """What was issued to one key is not sent with another; the first key finds it again."""
    history: list[Message] = []
    async with (
        asking(sim, provider, options=THINKING[provider]) as one,
        asking(sim, provider, options=THINKING[provider], key="sk-simulated-other") as other,
    ):
        await one_turn(one, way, history, "use get_weather")
        assert (await other(way, [*history, Message.user("Why?")], tools=TOOLS)).text
        assert sent_back(sim) == set()
        assert (await one(way, [*history, Message.user("Why?")], tools=TOOLS)).text
        assert sent_back(sim) == set(OPAQUE[provider])
    assert [exchange.refused for exchange in sim.requests] == [None] * 4
