"""What a broken stream had received goes on in the history, and its provider takes it."""

import json
from contextlib import suppress
from typing import Any

import httpx
import pytest

from ranvier.errors import RanvierError
from ranvier.messages import Message
from support.providers.asking import Chunks
from support.providers.conversations import MODELS, asked, blocks
from support.providers.seven import APIS, body, collected

pytestmark = pytest.mark.virtual_time


def starts(name: str, which: str) -> list[bytes]:
    """The beginnings of a streamed body, one for each of its events."""
    end = b"\n" if name == "ollama" else b"\n\n"
    events = [event + end for event in body(name, f"{which}.stream").split(end) if event.strip()]
    return [b"".join(events[:count]) for count in range(1, len(events))]


async def received(ask: Any, name: str, content: bytes) -> Message:
    """The answer as far as it came before the connection broke."""
    reply = httpx.Response(200, stream=Chunks(content, httpx.ReadError("broken")))
    events = []
    async with ask(APIS[name], reply) as server:
        with suppress(RanvierError):
            async for event in server.provider.stream(server.call(model=MODELS[name])):
                events.append(event)  # noqa: PERF401  # because: what came before the break stays
    return collected(events, name).message


@pytest.mark.parametrize("which", ["answer", "tools"])
@pytest.mark.parametrize("name", APIS)
async def test_wherever_a_stream_was_cut_its_provider_takes_what_came(
    ask: Any, name: str, which: str
) -> None:
    """Half a thought is never sent as one, and the words that came are."""
    for content in starts(name, which):
        message = await received(ask, name, content)
        results = [Message.tool(call.id, "x", name=call.name) for call in message.tool_calls]
        sent = await asked(ask, name, Message.user("q"), message, *results, Message.user("Go on."))
        assert json.dumps(message.text)[1:-1] in json.dumps(sent)
        if name == "anthropic":
            thoughts = [each for turn in sent["messages"] for each in blocks(turn, "thinking")]
            assert all(each.get("signature") for each in thoughts if each.get("type") == "thinking")
        if name == "gemini":
            thoughts = [part for turn in sent["contents"] for part in turn["parts"] if part.get("thought")]
            assert all(part.get("thoughtSignature") for part in thoughts)
