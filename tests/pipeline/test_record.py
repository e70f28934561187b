"""What was tried on behalf of a call: categories and numbers, no exceptions and no texts."""

import asyncio
import dataclasses
import pickle
from typing import Any

import pytest

from ranvier import (
    FinishReason,
    Pipeline,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
    StreamEvent,
    Usage,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Attempt
from ranvier.testing import ScriptedProvider, after, broken, stall, stream

pytestmark = pytest.mark.virtual_time


def pipeline_of(*targets: Any, breaker: Breaker | None = None, **limits: Any) -> Pipeline:
    layers = [Fallback(*targets), Retry(max_retries=2, base_delay=1, jitter="none")]
    return Pipeline(Deadline(60), *layers, *([breaker] if breaker else []), Timeout(**limits))


async def test_every_attempt_is_written_down_with_its_circumstances() -> None:
    """Target, number, outcome, status, request id, times, the delay before it and why."""
    failure = ServerError("oops", provider="one", status=503, request_id="r1")
    first = ScriptedProvider("one", [after(2, failure), RateLimitError("no", provider="one", retry_after=99)])
    second = ScriptedProvider("two", [after(3, Response("fine", usage=Usage(1, 2, 3)))])
    answer = await pipeline_of(first, second, breaker=Breaker()).complete("Why?")
    common = {"circuit": "closed", "queued": 0.0, "first_token": None, "skipped": 0, "fault": None}
    common["endpoint"] = None
    assert [dataclasses.asdict(attempt) for attempt in answer.attempts] == [
        common
        | {
            "target": "one/scripted",
            "number": 1,
            "delay": 0.0,
            "reason": None,
            "started": 0.0,
            "seconds": 2.0,
        }
        | {"outcome": "server_error", "status": 503, "request_id": "r1", "usage": None, "billable": False},
        common
        | {"target": "one/scripted", "number": 2, "delay": 1.0, "reason": "server_error", "started": 3.0}
        | {"outcome": "rate_limit", "status": None, "request_id": None, "usage": None, "seconds": 0.0}
        | {"billable": False},
        common
        | {"target": "two/scripted", "number": 1, "delay": 0.0, "reason": "rate_limit", "started": 3.0}
        | {"outcome": "succeeded", "status": None, "request_id": None, "seconds": 3.0}
        | {"usage": dataclasses.asdict(Usage(1, 2, 3)), "billable": True},
    ]
    assert (answer.attempts[0].provider, answer.attempts[0].model) == ("one", "scripted")


async def test_a_stream_is_written_down_with_its_first_token_its_usage_and_what_was_skipped() -> None:
    """Seconds are those to its end, the reader's included."""
    steps = stream(
        after(1, StreamEvent(skipped=2)), after(1, "a"), "b", StreamEvent(usage=Usage(5, 6, 11), skipped=1)
    )
    answer = await pipeline_of(ScriptedProvider("one", [steps])).stream("Why?")
    (attempt,) = answer.attempts
    assert (attempt.outcome, attempt.first_token) == ("running", 2.0)
    await asyncio.sleep(3)
    await answer.collect()
    assert (attempt.outcome, attempt.seconds, attempt.skipped) == ("succeeded", 5.0, 3)
    assert attempt.usage == Usage(5, 6, 11)


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        (stream("a", StreamEvent(usage=Usage(5)), broken()), "stream_dropped"),
        (stream("a", StreamEvent(usage=Usage(5)), stall()), "abandoned"),
    ],
)
async def test_a_stream_without_a_good_end_keeps_the_usage_it_had(steps: Any, outcome: str) -> None:
    """Tokens are paid for also where nobody got the answer."""
    answer = await pipeline_of(ScriptedProvider("one", [steps])).stream("Why?")
    await anext(answer)
    await anext(answer)
    if outcome == "abandoned":
        await answer.aclose()
    else:
        with pytest.raises(RanvierError):
            await anext(answer)
    assert [(attempt.outcome, attempt.usage) for attempt in answer.attempts] == [(outcome, Usage(5))]


async def test_a_cancelled_attempt_is_abandoned() -> None:
    """As is one that ended with an error that is none of ours."""
    provider = ScriptedProvider("one", [stall(), ValueError("a bug")])
    pipeline = pipeline_of(provider)
    task = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(2)
    record = provider.calls[0].record
    assert record.attempts[0].outcome == "running"
    task.cancel()
    await asyncio.wait([task])
    assert (record.attempts[0].outcome, record.attempts[0].seconds) == ("abandoned", 2.0)
    with pytest.raises(ValueError, match="a bug"):
        await pipeline.complete("Why?")
    assert provider.calls[1].record.attempts[0].outcome == "abandoned"


async def test_a_target_that_was_refused_on_our_side_is_no_attempt() -> None:
    """Nothing was sent; the reason stands on the next one."""
    breaker = Breaker()
    await breaker.circuits.isolate("default", "one")
    answer = await pipeline_of(ScriptedProvider("one"), ScriptedProvider("two"), breaker=breaker).complete(
        "?"
    )
    assert [(attempt.target, attempt.reason) for attempt in answer.attempts] == [
        ("two/scripted", "circuit_open")
    ]


async def test_a_probe_says_that_it_was_one() -> None:
    """The state of the circuit that admitted it."""
    provider = ScriptedProvider("one", [broken(), "fine"])
    pipeline = Pipeline(Fallback(provider), Breaker(failure_threshold=1, cooldown=10))
    with pytest.raises(RanvierError) as raised:
        await pipeline.complete("Why?")
    assert raised.value.attempts[0].circuit == "closed"
    await asyncio.sleep(13)
    assert (await pipeline.complete("Why?")).attempts[0].circuit == "half_open"
    assert (await Pipeline(Fallback(provider)).complete("Why?")).attempts[0].circuit is None


async def test_a_record_can_be_pickled_and_holds_no_text_of_anybody() -> None:
    """It may go to a log or another process."""
    secret = "what the customer said"
    provider = ScriptedProvider("one", [ServerError(secret, provider="one", body_preview=secret), secret])
    answer = await pipeline_of(provider).complete(secret)
    assert pickle.loads(pickle.dumps(answer.attempts)) == answer.attempts
    assert secret not in repr(answer.attempts)
    assert {field.name for field in dataclasses.fields(Attempt)}.isdisjoint({"error", "text", "prompt"})


async def test_the_record_of_one_call_is_not_that_of_another() -> None:
    """Each answer has its own attempts, also when they run at once."""
    provider = ScriptedProvider("one", [broken(), "a", "b", "c"])
    pipeline = pipeline_of(provider)
    answers = await asyncio.gather(*(pipeline.complete("Why?") for _ in range(3)))
    assert sorted(len(answer.attempts) for answer in answers) == [1, 1, 2]


async def test_an_answer_that_says_why_it_stopped_keeps_it() -> None:
    """Only where a stream leaves it open is it filled in."""
    finish = StreamEvent(finish_reason=FinishReason.LENGTH, raw_finish_reason="max_tokens")
    answer = await (
        await pipeline_of(ScriptedProvider("one", [stream("a", finish)])).stream("Why?")
    ).collect()
    assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.LENGTH, "max_tokens")
