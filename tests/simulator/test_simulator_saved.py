"""Saved conversations go on in a new process, at every provider, over real sockets."""

import asyncio
import itertools
import json
import os
import sys
from pathlib import Path

import pytest

from ranvier import Message, messages
from ranvier.simulator import Simulator
from support.messages import going_on
from support.simulator.asking_adapters import ASKED, OPAQUE, THINKING, TOOLS, WAYS, asking

pytestmark = [pytest.mark.once, pytest.mark.integration]

KEY = going_on.KEY
SIGNING = [provider for provider in ASKED if OPAQUE[provider]]
TESTS = Path(__file__).parents[1]


async def begun(sim: Simulator, provider: str, way: str) -> list[Message]:
    """A question, thoughts and two tool calls, and their results."""
    question = Message.user("use get_weather and get_time")
    async with asking(sim, provider, options=THINKING[provider]) as ask:
        answer = await ask(way, [question], tools=TOOLS)
    return [question, answer.message, *(Message.tool(call.id, "fine") for call in answer.tool_calls)]


def signatures(text: str) -> set[str]:
    """What the simulator signed or encrypted in a JSON text: Claude's, Gemini's in base64, and OpenAI's."""
    return {word for word in text.split('"') if word.startswith(("sig-", "c2ln", "gAAA"))}


@pytest.mark.parametrize("way", WAYS)
async def test_conversations_go_on_in_a_new_process(
    sim: Simulator, tmp_path: Path, one_tls_context: None, way: str
) -> None:
    """The simulator checks ids, signatures and the order of calls and results, and refuses nothing.

    The provider that began a conversation is sent its signatures again, and no other is.
    """
    signed: dict[str, set[str]] = {}
    for provider in ASKED:
        text = messages.dump(await begun(sim, provider, way))
        signed[provider] = signatures(text)
        (tmp_path / provider).write_text(text, encoding="utf-8")
        assert KEY not in text
    assert [provider for provider in ASKED if signed[provider]] == SIGNING
    asked_before, urls = len(sim.requests), {provider: sim.url(provider) for provider in ASKED}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(going_on.__file__), str(tmp_path), json.dumps(urls)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    pairs = list(itertools.product(ASKED, repeat=2))
    assert told.decode().splitlines() == [" ".join(pair) for pair in pairs]
    requests = list(sim.requests)[asked_before:]
    assert [each.refused or each.answered for each in requests] == [True] * 2 * len(pairs)
    for (first, second), exchange in zip(pairs, requests[::2], strict=True):
        assert signatures(json.dumps(exchange.body)) & signed[first] == (
            signed[first] if second == first else set()
        )
