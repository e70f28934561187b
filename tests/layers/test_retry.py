"""Retry: how often, after how long, and what it says about it."""

from typing import Any

import pytest

from ranvier import AttemptTimeoutError, LocalCapacityError, Pipeline, RateLimitError, ServerError
from ranvier.events import Event, RetryScheduled
from ranvier.layers import Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Handler, Layer, Place
from ranvier.pipeline.call import Watch
from ranvier.pipeline.layer import R
from ranvier.testing import ScriptedProvider, after, broken, cut, stall, stream
from support.scenes import time

pytestmark = pytest.mark.virtual_time


def retrying(
    *script: Any, layers: tuple[Any, ...] = (), **settings: Any
) -> tuple[ScriptedProvider, Pipeline]:
    """A provider, and a pipeline that retries it without chance."""
    provider = ScriptedProvider("only", script)
    retry = Retry(**{"base_delay": 1.0, "jitter": "none", **settings})
    return provider, Pipeline(Fallback(provider), retry, *layers)


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_it_tries_once_and_then_max_retries_times(retries: int) -> None:
    """And raises the last error."""
    script = [ServerError(f"number {number}", provider="only") for number in range(10)]
    provider, pipeline = retrying(*script, max_retries=retries)
    with pytest.raises(ServerError, match=f"number {retries}"):
        await pipeline.complete("Why?")
    assert len(provider.calls) == 1 + retries


async def test_waits_double_and_are_in_the_record() -> None:
    """Each attempt knows how long was slept before it, and why."""
    _, pipeline = retrying(broken(), cut(), ServerError("no", provider="only", status=500), "ok")
    answer = await pipeline.complete("Why?")
    assert time() == 7
    assert [
        (each.number, each.delay, each.reason, each.outcome, each.status) for each in answer.attempts
    ] == [
        (1, 0, None, "network", None),
        (2, 1, "network", "invalid_response", None),
        (3, 2, "invalid_response", "server_error", 500),
        (4, 4, "server_error", "succeeded", None),
    ]


@pytest.mark.parametrize(("jitter", "least", "most"), [("full", 0, 4), ("equal", 2, 4), ("none", 4, 4)])
async def test_jitter_stays_within_its_bounds(jitter: str, least: float, most: float) -> None:
    """And is not the same for every call."""
    delays = []
    for _ in range(200):
        _, pipeline = retrying(broken(), "ok", base_delay=4, jitter=jitter)
        delays.append((await pipeline.complete("Why?")).attempts[1].delay)
    assert all(least <= delay <= most for delay in delays)
    assert max(delays) - min(delays) > (most - least) / 2 or jitter == "none"


async def test_a_multiplier_of_one_keeps_the_waits_as_they_are() -> None:
    """Every second, say."""
    _, pipeline = retrying(*[broken()] * 5, "ok", max_retries=5, multiplier=1)
    await pipeline.complete("Why?")
    assert time() == 5


@pytest.mark.parametrize("on_timeout", [False, True])
@pytest.mark.parametrize("limits", [{"seconds": 5}, {"first_token": 5}, {"idle": 5}])
async def test_a_silent_provider_is_asked_again_only_where_one_says_so(
    limits: dict[str, Any], on_timeout: bool
) -> None:
    """The whole answer over a stream, with its idle time, included."""
    silent = stream("one", stall()) if "idle" in limits else stall()
    provider, pipeline = retrying(silent, "ok", layers=(Timeout(**limits),), on_timeout=on_timeout)
    if on_timeout:
        await pipeline.complete("Why?")
        assert (len(provider.calls), time()) == (2, 6)
    else:
        with pytest.raises(AttemptTimeoutError):
            await pipeline.complete("Why?")
        assert (len(provider.calls), time()) == (1, 5)


async def test_an_instance_that_says_no_is_not_retried() -> None:
    """A provider may know that this very error does not pass."""
    final = ServerError("do not come again", provider="only")
    final.retryable = False
    provider, pipeline = retrying(final)
    with pytest.raises(ServerError):
        await pipeline.complete("Why?")
    assert len(provider.calls) == 1


async def test_a_target_may_have_settings_of_its_own() -> None:
    """By its model before its provider; all others have the layer's."""
    counts = {}
    for name, model in (("a", "m"), ("a", "n"), ("b", "m")):
        provider = ScriptedProvider(name, [broken()], model=model)
        overrides = {"a": Retry(max_retries=4, base_delay=0), "a/m": Retry(max_retries=2, base_delay=0)}
        pipeline = Pipeline(Fallback(provider), Retry(max_retries=1, base_delay=0, overrides=overrides))
        with pytest.raises(type(broken())):
            await pipeline.complete("Why?")
        counts[f"{name}/{model}"] = len(provider.calls)
    assert counts == {"a/m": 3, "a/n": 5, "b/m": 2}


async def test_a_refusal_of_our_own_is_not_retried() -> None:
    """No connection slot in time: the next target is asked at once."""
    provider, pipeline = retrying(LocalCapacityError("no slot"))
    with pytest.raises(LocalCapacityError):
        await pipeline.complete("Why?")
    assert (len(provider.calls), time()) == (1, 0)


@pytest.mark.parametrize("field", ["last_target", "hedged"])
async def test_what_was_hedged_or_asked_last_is_not_retried(field: str) -> None:
    """The route has asked another target already, or asks this one against the advice of a guard."""

    class Route(Layer):
        place = Place.RETRY

        async def handle(self, call: Call, inner: Handler[R]) -> R:
            call.watch = Watch()
            setattr(call.watch, field, True)
            return await inner(call)

    provider = ScriptedProvider("only", [broken(), "ok"])
    retry = Retry(base_delay=0)
    with pytest.raises(type(broken())):
        await Pipeline(Fallback(provider), Route(), retry).complete("Why?")
    assert len(provider.calls) == 1


async def test_a_stream_is_retried_until_its_first_content() -> None:
    """By the same code as a whole answer."""
    provider, pipeline = retrying(stream(after(1, cut())), broken(), stream("one", "two"))
    async with pipeline.stream("Why?") as answer:
        assert (await answer.collect()).text == "onetwo"
    assert [each.outcome for each in answer.attempts] == ["invalid_response", "network", "succeeded"]
    assert [each.first_token for each in answer.attempts] == [None, None, 0]
    assert (len(provider.calls), time()) == (3, 4)


async def test_the_deadline_is_looked_at_before_each_wait() -> None:
    """The last error is raised as soon as the next wait would not fit."""
    provider = ScriptedProvider("only", [after(1, broken())])
    pipeline = Pipeline(Deadline(8), Fallback(provider), Retry(max_retries=9, base_delay=1, jitter="none"))
    with pytest.raises(type(broken())) as failure:
        await pipeline.complete("Why?")
    assert [each.delay for each in failure.value.attempts] == [0, 1, 2]  # type: ignore[attr-defined]
    assert time() == 6


async def test_an_event_tells_of_every_retry() -> None:
    """Which attempt failed, why, and when the next follows."""
    heard: list[Event] = []
    provider = ScriptedProvider("only", [RateLimitError("busy", provider="only", retry_after=9), "ok"])
    retry = Retry(base_delay=1, jitter="none")
    pipeline = Pipeline(Fallback(provider), retry, listeners=[heard.append])
    await pipeline.complete("Why?", tenant="acme")
    assert heard == [
        RetryScheduled(
            tenant="acme", provider="only", model="scripted", attempt=1, delay=9, kind="rate_limit"
        )
    ]


def test_it_shows_its_settings() -> None:
    """The unusual ones where they are set."""
    assert repr(Retry()) == "Retry(max_retries=3, base_delay=0.5, max_delay=30.0, jitter='full')"
    assert "on_timeout=True" in repr(Retry(on_timeout=True))
    assert "overrides=['ollama']" in repr(Retry(overrides={"ollama": Retry()}))
