"""Timeout: how long one attempt may take, and which of its limits it met."""

import asyncio
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    Deployment,
    FinishReason,
    InvalidRequestError,
    LocalCapacityError,
    Pipeline,
    StreamEvent,
    Usage,
)
from ranvier.layers import Breaker, Fallback, Retry, Timeout
from ranvier.testing import ScriptedProvider, after, cut, stall, stream
from support.scenes import time

pytestmark = pytest.mark.virtual_time


def limited(*script: Any, streaming: bool = True, **limits: Any) -> tuple[ScriptedProvider, Pipeline]:
    """A provider, and a pipeline that limits its attempts."""
    provider = ScriptedProvider("only", script, streaming=streaming)
    return provider, Pipeline(Fallback(provider), Breaker(), Timeout(**limits))


SLOW = {
    "attempt": r"the attempt took more than \d+ s$",
    "first_token": "no content within 5 s$",
    "idle": "no data for more than 5 s$",
}


# --- which limit ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "limits", "phase", "when"),
    [
        (stall(), {"seconds": 9}, "attempt", 9),
        (stall(), {"seconds": 9, "first_token": 5}, "first_token", 5),
        (stall(), {"seconds": 5, "first_token": 9}, "attempt", 5),
        (stall(), {"idle": 5}, "attempt", 120),
        (stream("one", stall()), {"idle": 5}, "idle", 5),
        (stream("one", stall()), {"first_token": 5, "seconds": 9}, "attempt", 9),
        (stream("one", after(4, "two"), stall()), {"idle": 5, "first_token": 1}, "idle", 9),
    ],
)
async def test_an_error_names_the_limit_that_was_met(
    script: Any, limits: dict[str, Any], phase: str, when: float
) -> None:
    """And the target; a whole answer travels over a stream where a limit asks for it."""
    provider, pipeline = limited(script, **limits)
    with pytest.raises(AttemptTimeoutError, match=f"scripted was too slow: {SLOW[phase]}") as failure:
        await pipeline.complete("Why?")
    error = failure.value
    assert (error.phase, error.provider, error.model, time()) == (phase, "only", "scripted", when)
    assert isinstance(error, TimeoutError)
    assert (provider.in_progress, provider.cancelled) == (0, 1)
    assert [each.outcome for each in error.attempts] == ["timeout"]


async def test_an_answer_within_its_limits_is_an_answer() -> None:
    """With the time that it took, to the first content and in all."""
    _, pipeline = limited(stream(after(4, "one"), after(4, "two")), seconds=9, first_token=5, idle=5)
    answer = await pipeline.complete("Why?")
    assert answer.text == "onetwo"
    (attempt,) = answer.attempts
    assert (attempt.first_token, attempt.seconds) == (4, 8)


def test_connecting_takes_no_longer_than_the_attempt_may() -> None:
    """`connect` is capped by `seconds`; `None` is no limit of either."""
    assert Timeout(seconds=3, connect=10).limits.connect == 3
    assert Timeout(seconds=None, connect=10).limits.connect == 10
    assert Timeout(seconds=3, connect=None).limits.connect is None


async def test_the_wait_for_a_slot_is_not_charged_to_the_provider() -> None:
    """An attempt's time starts when it has its slot; how long it waited is in the record."""
    provider, pipeline = limited(after(5, "ok"), seconds=6, connect=6)
    provider.slots = asyncio.Semaphore(1)
    first, second = await asyncio.gather(pipeline.complete("Why?"), pipeline.complete("Why?"))
    assert (first.attempts[0].queued, second.attempts[0].queued, time()) == (0, 5, 10)
    with pytest.raises(LocalCapacityError):
        await asyncio.gather(*(pipeline.complete("Why?") for _ in range(3)))


# --- by stream or whole --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "streamed"),
    [
        ({}, False),
        ({"first_token": 5}, True),
        ({"idle": 5}, True),
        ({"first_token": 5, "idle": 5, "stream_complete": False}, False),
    ],
)
async def test_a_whole_answer_travels_over_a_stream_where_silence_has_a_limit(
    limits: dict[str, Any], streamed: bool
) -> None:
    """Unless one says no: it is then asked whole."""

    class Both(ScriptedProvider):
        ways: list[str]

        async def complete(self, call: Any) -> Any:
            self.ways.append("complete")
            return await super().complete(call)

        async def stream(self, call: Any) -> Any:
            self.ways.append("stream")
            async for event in super().stream(call):
                yield event

    provider = Both("only")
    provider.ways = []
    pipeline = Pipeline(Fallback(provider), Timeout(**limits))
    assert (await pipeline.complete("Why?")).text == "ok"
    assert provider.ways == ["stream" if streamed else "complete"]


async def test_a_collected_answer_is_like_a_whole_one() -> None:
    """Text, usage, finish reason, id and model, put together again."""
    usage = Usage(input=3, output=2, total=5)
    _, pipeline = limited(
        stream(
            StreamEvent(id="msg_1", model="scripted-2026"),
            "one ",
            "two",
            StreamEvent(finish_reason=FinishReason.LENGTH, raw_finish_reason="max_tokens"),
            StreamEvent(usage=usage),
        ),
        idle=5,
    )
    answer = await pipeline.complete("Why?")
    assert (answer.text, answer.usage) == ("one two", usage)
    assert (answer.id, answer.model) == ("msg_1", "scripted-2026")
    assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.LENGTH, "max_tokens")
    assert answer.attempts[0].usage == usage


async def test_a_whole_answer_cut_on_its_way_is_retried_as_a_whole() -> None:
    """Nothing of the first try is in the second."""
    provider = ScriptedProvider("only", [stream("half of", cut()), stream("all of it")])
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=0), Timeout(idle=5))
    answer = await pipeline.complete("Why?")
    assert answer.text == "all of it"
    assert [each.outcome for each in answer.attempts] == ["invalid_response", "succeeded"]


async def test_a_provider_that_cannot_stream_is_asked_whole() -> None:
    """Limits on silence then say nothing, and its answer can be read as a stream all the same."""
    _, pipeline = limited(after(50, "ok"), streaming=False, first_token=5, idle=5)
    assert (await pipeline.complete("Why?")).text == "ok"
    async with pipeline.stream("Why?") as answer:
        assert [event.text async for event in answer if event.text] == ["ok"]
    assert answer.response.text == "ok"
    assert time() == 100


def refusing() -> InvalidRequestError:
    """What a provider says to an organisation that may not stream."""
    error = InvalidRequestError("your organisation must be verified to stream", provider="only")
    error.refuses_streaming = True
    return error


async def test_a_deployment_that_refuses_to_stream_is_asked_whole_from_then_on() -> None:
    """Once by stream, then whole; the record has the refusal."""
    provider, pipeline = limited(refusing(), "one", "two", "three", idle=5)
    answer = await pipeline.complete("Why?")
    assert answer.text == "one"
    assert [each.outcome for each in answer.attempts] == ["invalid_request", "succeeded"]
    assert [each.text for each in (await pipeline.complete("Why?"), await pipeline.complete("Why?"))] == [
        "two",
        "three",
    ]
    assert len(provider.calls) == 4
    assert dict(pipeline.circuits)["default", "only"].failures == 0


async def test_a_refusal_to_stream_holds_for_the_key_that_was_refused() -> None:
    """Another tenant's key may well stream."""
    provider = ScriptedProvider("only", lambda call: refusing() if call.credential == "key of a" else "ok")
    deployment = Deployment(provider)
    pipeline = Pipeline(
        Fallback(deployment), Timeout(idle=5), credentials=lambda tenant, provider: f"key of {tenant}"
    )
    with pytest.raises(InvalidRequestError):
        await pipeline.complete("Why?", tenant="a")
    await pipeline.complete("Why?", tenant="b")
    assert not deployment.streams(hash("key of a"))
    assert deployment.streams(hash("key of b"))


# --- settings for single targets -----------------------------------------------------------------


async def test_a_target_may_have_limits_of_its_own() -> None:
    """By its model before its provider; all others have the layer's."""
    overrides = {"a": Timeout(seconds=20), "a/m": Timeout(seconds=30)}
    seconds = {}
    for name, model in (("a", "m"), ("a", "n"), ("b", "m")):
        began = time()
        provider = ScriptedProvider(name, [stall()], model=model)
        pipeline = Pipeline(Fallback(provider), Timeout(seconds=10, overrides=overrides))
        with pytest.raises(AttemptTimeoutError):
            await pipeline.complete("Why?")
        seconds[f"{name}/{model}"] = time() - began
        assert pipeline.attempt_seconds(Deployment(provider)) == seconds[f"{name}/{model}"]
    assert seconds == {"a/m": 30, "a/n": 20, "b/m": 10}


async def test_without_a_timeout_nothing_is_limited() -> None:
    """A provider that takes a day takes a day."""
    pipeline = Pipeline(Fallback(ScriptedProvider("only", [after(86_400, "ok")])))
    await pipeline.complete("Why?")
    assert time() == 86_400


async def test_what_arrived_in_time_counts_although_the_loop_stood_still() -> None:
    """Blocking code held it, or the process was stopped: the loop reads the answer before it times out."""
    _, pipeline = limited(after(5, "in time"), seconds=9)
    loop = asyncio.get_running_loop()
    loop.call_later(4, loop.jump, 20)  # type: ignore[attr-defined]  # because: it has virtual time
    assert (await pipeline.complete("Why?")).text == "in time"


async def test_what_is_missing_after_the_loop_stood_still_times_out() -> None:
    """At once: an attempt never gets the lost time back."""
    began = time()
    _, pipeline = limited(stall(), seconds=9)
    loop = asyncio.get_running_loop()
    loop.call_later(4, loop.jump, 20)  # type: ignore[attr-defined]  # because: it has virtual time
    with pytest.raises(AttemptTimeoutError):
        await pipeline.complete("Why?")
    assert time() - began == pytest.approx(24, abs=0.02)


def test_it_shows_its_limits() -> None:
    """As they count."""
    assert repr(Timeout(seconds=5)) == "Timeout(seconds=5.0, connect=5.0, first_token=None, idle=None)"
