"""Recorded traffic of real providers, read by the official SDKs of today and by our adapters."""

from __future__ import annotations

from typing import Any

import pytest

from support.oracles.answers import Answer, our_reading
from support.oracles.postbox import Postbox
from support.oracles.vendors import (
    Reads,
    anthropic_reading,
    gemini_reading,
    openai_reading,
    responses_reading,
)
from support.providers.recordings import ABSENT, ADAPTERS, FAILURES, RECORDINGS, Exchange, exchanges

pytestmark = [pytest.mark.once, pytest.mark.skipif(not RECORDINGS.is_dir(), reason=ABSENT)]

SDKS = {
    "openai_chat": openai_reading,
    "openai_responses": responses_reading,
    "anthropic_messages": anthropic_reading,
    "gemini_generate": gemini_reading,
}

NOTHING_IS_NONE = "where the server says an empty word, the SDK hands it through, and to us it is none"

UNLIKE: dict[str, tuple[set[str], str]] = {
    "5f99635ea33cc104": ({"model"}, "no model is named: ours is then the one that was asked"),
    "74a510316a9bcb3d": ({"finish", "id"}, NOTHING_IS_NONE),
    "8b0378a9d73a217e": (
        {"finish", "id", "reasoning"},
        NOTHING_IS_NONE + "; the SDK passes over `reasoning_details`",
    ),
    "443e75d59de4d4ba": ({"finish"}, "the last chunk says it is no chunk; the SDK passes it over"),
    "db4843e8b591cfd9": ({"finish"}, "the last chunk says it is no chunk; the SDK passes it over"),
}
"""Answers that are understood differently: in which fields, and why."""

BREAKS_THE_SDK = {
    "6b61d521fd5584ae": "Vertex with numbers for words",
    "86710ef9d51ab082": "Vertex with numbers for words",
    "8277f2b6da11b6c6": "Vertex with numbers for words",
    "73f6932a8b7a56bd": "the model stopped at its limit, and an error that says so again comes after that",
    "d83ca51e13bb47ac": "annotations without an index, which the SDK needs to join them",
    "79c87949b033eb28": "a tool call without an index, which the SDK needs to join it",
    "3bb6d61e7204d67b": "tool calls that are counted from one",
}
"""Answers that only we can read, and why the SDK cannot."""


@pytest.mark.parametrize("api", SDKS)
async def test_both_read_the_same(postbox: Postbox, api: str) -> None:
    """Each recorded answer is the same to the vendor's SDK and to our adapter, but for those listed."""
    recorded = [each for each in exchanges() if each.api == api and is_answer(each)]
    unlike, unread = {}, set()
    async with SDKS[api](postbox.url) as sdk, our_reading(ADAPTERS[api], postbox.url) as adapter:
        for exchange in recorded:
            official, own = await both(postbox, sdk, adapter, exchange)
            if official is None:
                unread.add(exchange.id)
            elif different := own.unlike(official):
                unlike[exchange.id] = different
    here = {each.id for each in recorded}
    listed = {name: fields for name, (fields, _) in UNLIKE.items() if name in here}
    assert {name: set(fields) for name, fields in unlike.items()} == listed, unlike
    assert unread == BREAKS_THE_SDK.keys() & here
    assert len(here) > 100


def is_answer(exchange: Exchange) -> bool:
    """False for a failure: whether those are told right, the replay knows."""
    failed = exchange.id in FAILURES or (exchange.said is None and exchange.id not in BREAKS_THE_SDK)
    return exchange.row["status"] == 200 and not failed and not exchange.left_out


async def both(
    postbox: Postbox, sdk: Reads, adapter: Any, exchange: Exchange
) -> tuple[Answer | None, Answer]:
    """What the SDK (nothing, where it breaks) and our adapter make of a recording."""
    streamed = exchange.row["stream"]
    postbox.answers(exchange.body, streamed=streamed)
    own = await adapter(model="model", streamed=streamed, body=exchange.body)
    try:
        return await sdk(model="model", streamed=streamed), own
    except Exception:
        if exchange.id not in BREAKS_THE_SDK:
            raise
        return None, own
