"""llmock, a chaos server of others for clients of language models, and its own verdict on ours.

It sees requests and no exceptions: what it calls a truncated or malformed answer that was accepted is,
where we say so here, one that we have refused aloud.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ranvier import Deployment, Pipeline, RanvierError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.providers import Anthropic, Gemini, OpenAI
from ranvier.testing import settled

llmock = pytest.importorskip("llmock", reason="llmock is not installed: run nox -s hostile")

from llmock.scenarios import Delay, Fail, Match, SlowFirstToken, StreamFault  # noqa: E402  # because: it may be absent
from llmock.testing import LLMockServer  # noqa: E402
from llmock.verdict import judge  # noqa: E402

pytestmark = pytest.mark.once

DIALECTS: dict[str, Callable[..., Any]] = {"openai": OpenAI, "anthropic": Anthropic, "gemini": Gemini}
BASES = {"openai": "/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}
LONG = 5.0
"""Seconds of silence, longer than any limit of the stack."""


@dataclass(frozen=True)
class Fault:
    """What llmock does to every request.

    Attributes:
        behaviour: It, in llmock's words.
        whole, stream: What becomes of each; `None` is a good answer.
        findings: What the verdict says of a client that never told it of its errors.
    """

    behaviour: Any
    whole: str | None
    stream: str | None
    findings: frozenset[str] = frozenset()


def failing(status: int, kind: str, **more: Any) -> Fault:
    """A refusal with this status."""
    return Fault(Fail(status, times=None, **more), kind, kind)


TRUNCATED = frozenset({"truncated_stream_accepted"})
MALFORMED = frozenset({"malformed_chunk_ignored"})
GAVE_UP = frozenset({"gave_up"})

FAULTS = {
    "400": failing(400, "invalid_request"),
    "401": failing(401, "auth"),
    "403": failing(403, "permission"),
    "404": failing(404, "model_not_found"),
    "429": failing(429, "rate_limit", retry_after=0.2),
    "500": failing(500, "server_error"),
    "502": failing(502, "server_error"),
    "503": failing(503, "overloaded", retry_after=0.2),
    "529": failing(529, "overloaded", retry_after=0.2),
    "delay": Fault(Delay(LONG, times=None), "timeout", "timeout"),
    "slow first token": Fault(SlowFirstToken(LONG, times=None), "timeout", "timeout"),
    "disconnect": Fault(StreamFault("disconnect", 3, times=None), "network", "stream_dropped", GAVE_UP),
    "truncate": Fault(
        StreamFault("truncate", 3, times=None), "invalid_response", "stream_dropped", TRUNCATED
    ),
    "stall": Fault(StreamFault("stall", 3, LONG, times=None), "timeout", "stream_dropped"),
    "malformed": Fault(
        StreamFault("malformed", 3, times=None), "invalid_response", "stream_dropped", MALFORMED
    ),
}


def in_words(behaviour: Any, dialect: str) -> Any:
    """`behaviour` for one dialect, after the same words: Anthropic's begins with three events of none."""
    if isinstance(behaviour, StreamFault):
        later = 2 if dialect == "anthropic" else 0
        match = Match(provider=dialect, stream=True)
        return replace(behaviour, after_chunks=behaviour.after_chunks + later, match=match)
    return replace(behaviour, match=Match(provider=dialect))


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    """It, on a free port of loopback."""
    with LLMockServer() as running:
        yield running


def stack(server: LLMockServer, dialect: str) -> Pipeline:
    """The layers that we recommend, quicker."""
    adapter = DIALECTS[dialect]("key", base_url=server.url + BASES[dialect])
    return Pipeline(
        Deadline(seconds=10),
        Fallback(Deployment(adapter, "a-model")),
        Retry(max_retries=2, base_delay=0.1, jitter="none"),  # by which it can tell that we back off
        Throttle(),
        Breaker(),
        Timeout(first_token=0.5, idle=0.5),
    )


async def outcome(pipeline: Pipeline, *, streaming: bool) -> str | None:
    """The kind of the error, or `None` for a good answer."""
    try:
        if streaming:
            async with pipeline.stream("Tell it as a story.") as answer:
                pieces = [event.text async for event in answer]
            assert "".join(pieces)
        else:
            assert (await pipeline.complete("Why do nodes of Ranvier exist?")).text
    except RanvierError as error:
        return error.kind
    return None


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_in_each_dialect(server: LLMockServer, name: str) -> None:
    """It is told by its kind, nothing is left, and the verdict finds nothing but what is named here."""
    fault = FAULTS[name]
    server.state.reset()
    for dialect in DIALECTS:
        server.state.scenarios.add(in_words(fault.behaviour, dialect))
    async with AsyncExitStack() as pipelines:
        opened = [await pipelines.enter_async_context(stack(server, dialect)) for dialect in DIALECTS]
        whole = asyncio.gather(*(outcome(pipeline, streaming=False) for pipeline in opened))
        stream = asyncio.gather(*(outcome(pipeline, streaming=True) for pipeline in opened))
        assert await whole == [fault.whole] * 3
        assert await stream == [fault.stream] * 3
        for pipeline in opened:
            await settled(pipeline)
    server.state.scenarios.clear()
    verdict = judge(server.state.journal.records(wait=2))
    assert {finding.code for finding in verdict.findings} <= fault.findings, verdict.render()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "behaviour", [Fail(503, retry_after=0.3), Fail(500), StreamFault("truncate", 1)], ids=str
)
async def test_what_passes_is_recovered_from(server: LLMockServer, dialect: str, behaviour: Any) -> None:
    """One fault, then health: a good answer, and a verdict without a word of blame."""
    server.state.reset()
    server.state.scenarios.add(behaviour)
    async with stack(server, dialect) as pipeline:
        assert await outcome(pipeline, streaming=False) is None
    assert judge(server.state.journal.records(wait=2)).findings == ()
