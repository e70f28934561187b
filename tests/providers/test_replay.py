"""Recorded traffic of real providers, understood as their own SDKs understand it.

Chunk boundaries were not recorded, so every body is read whole and cut at random places: a few times here,
often by `python tests/replay.py`, which tells how many are equal.
"""

from random import Random

import httpx
import pytest

from ranvier.errors import ProviderError
from support.providers.asking import served
from support.providers.comparing import compared
from support.providers.recorded_failures import asked, failures, repeated
from support.providers.recordings import ABSENT, RECORDINGS, Exchange, exchanges, understood

ENDED_BEFORE_ITS_ERROR = "openrouter-mid_stream_error_chunk_after_finish"
"""The model stopped at its limit, and an error that says so again comes after that: an answer to us."""

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=ABSENT)


@pytest.mark.virtual_time
async def test_recorded_answers_are_understood_as_the_sdk_understands_them() -> None:
    """Text, tool calls, finish reason, tokens, id and model are those that the SDK reads, whole and cut."""
    comparison = await compared(exchanges(), cuts=0)
    again = await compared(exchanges()[::3], cuts=1)
    assert {exchange.api for exchange in comparison.equal} == {
        *("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate", "ollama_chat"),
        "bedrock_converse",
    }
    different = [exchange.id for exchange in (*comparison.different, *again.different)]
    assert not different
    assert len(comparison.left_out) <= 0.02 * len(exchanges())


@pytest.mark.virtual_time
async def test_a_recorded_stream_cut_anywhere_is_never_an_answer() -> None:
    """A recorded stream that ends before its terminal event raises, at whatever byte it is cut."""
    dice = Random(7)
    streams = [each for each in exchanges() if each.row["kind"] == "stream" and not each.left_out]
    assert streams
    for exchange in streams:
        place = dice.randrange(1, terminal(exchange))
        outcome = await understood(exchange, [exchange.body[:place]])
        assert isinstance(outcome, ProviderError), f"{exchange.id} cut at {place}"


def terminal(exchange: Exchange) -> int:
    """Where the first event that may end the stream begins."""
    if exchange.api == "anthropic_messages":
        return exchange.body.rindex(b"message_stop")
    if exchange.api == "openai_responses":
        return exchange.body.rindex(b'"response.completed"')
    if exchange.api == "gemini_generate":
        return exchange.body.index(b'"finishReason"')
    return min(
        place
        for word in (b'"stop"', b'"tool_calls"', b'"length"', b'"function_call"', b'"tool_use"')
        if (place := exchange.body.replace(b'"tool_calls":', b'"tool_kalls":').find(word)) > 0
    )


async def test_recorded_failures_over_a_socket_are_errors() -> None:
    """Asked over a real socket for the recorded status, headers and body, an adapter raises the same."""
    recorded = failures()
    async with served(repeated(recorded)) as server, httpx.AsyncClient() as client:
        for failure in recorded:
            error = await asked(failure, server.url, client)
            if failure.name == ENDED_BEFORE_ITS_ERROR:
                assert error is None
                continue
            assert failure.accepts(error), f"{failure.name}: {error!r}"
            assert failure.waits_for(error), failure.name
