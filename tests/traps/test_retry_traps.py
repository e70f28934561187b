"""Traps around retries: what is waited for, how long, and when a wait is pointless."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    DeadlineExceededError,
    OverloadedError,
    Pipeline,
    RateLimitError,
    ServerError,
    Tool,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, after, broken
from support.scenes import BreakerScene, time

pytestmark = pytest.mark.virtual_time


def busy(seconds: float | None = None) -> RateLimitError:
    """A rate limit that asks for so many seconds."""
    return RateLimitError("slow down", provider="", status=429, retry_after=seconds)


async def test_t13_a_thousand_calls_through_one_retry_share_nothing() -> None:
    """Each has its own attempts, its own delays and its own timers."""
    tries: dict[str, int] = defaultdict(int)

    def script(call: Call) -> Any:
        tries[call.tenant] += 1
        return after(4, broken() if tries[call.tenant] < 3 else call.tenant)

    provider = ScriptedProvider("only", script)
    pipeline = Pipeline(
        Fallback(provider),
        Retry(max_retries=2, base_delay=1, jitter="none", budget=None),
        Timeout(seconds=5),
    )

    async def ask(number: int) -> tuple[str, list[tuple[int, float]], float]:
        await asyncio.sleep(number / 100)
        began = time()
        answer = await pipeline.complete("Why?", tenant=f"tenant-{number}")
        return answer.text, [(each.number, each.delay) for each in answer.attempts], time() - began

    answers = await asyncio.gather(*(ask(number) for number in range(1000)))
    for number, (text, attempts, seconds) in enumerate(answers):
        assert text == f"tenant-{number}"
        assert attempts == [(1, 0), (2, 1), (3, 2)]
        assert seconds == pytest.approx(15)


async def test_t24_when_its_own_failure_opens_the_circuit_a_call_goes_on_at_once() -> None:
    """No sleep and no rejected attempt: the next target is asked in the same instant."""
    first, second = ScriptedProvider("first", [broken()]), ScriptedProvider("second")
    pipeline = Pipeline(
        Fallback(first, second),
        Retry(max_retries=3, base_delay=1, jitter="none"),
        Breaker(failure_threshold=2),
    )
    answer = await pipeline.complete("Why?")
    assert (answer.provider, time()) == ("second", 1)
    assert [each.target for each in answer.attempts] == ["first/scripted"] * 2 + ["second/scripted"]


async def test_t24_when_others_open_the_circuit_the_providers_own_error_is_told() -> None:
    """A retry that the circuit refuses is not repeated, and what the provider said is not lost."""
    scene = BreakerScene(
        [ServerError("first", provider="only", status=500), broken()],
        outer=[Retry(max_retries=3, base_delay=5, jitter="none")],
        failure_threshold=2,
    )
    waiting = scene.start()
    await asyncio.sleep(1)
    await scene.fail()
    with pytest.raises(ServerError, match="first"):
        await waiting
    assert (time(), len(scene.provider.calls)) == (5, 2)


@pytest.mark.parametrize("jitter", ["full", "equal", "none"])
@pytest.mark.parametrize("kind", [RateLimitError, OverloadedError])
async def test_t25_a_retry_never_comes_earlier_than_the_provider_asked(
    jitter: Any, kind: type[RateLimitError]
) -> None:
    """Chance only adds to the wait, and at most one base delay."""
    refusal = kind("busy", provider="only", retry_after=7.0)
    provider = ScriptedProvider("only", [refusal])
    pipeline = Pipeline(Fallback(provider), Retry(max_retries=40, base_delay=2, max_delay=7, jitter=jitter))
    with pytest.raises(kind) as failure:
        await pipeline.complete("Why?")
    delays = [each.delay for each in failure.value.attempts[1:]]
    assert len(delays) == 40
    assert all(7 <= delay <= 9 for delay in delays)
    assert jitter == "none" or max(delays) - min(delays) > 0.5
    assert time() == pytest.approx(sum(delays))


async def test_t25_a_wait_longer_than_max_delay_is_not_begun_and_not_shortened() -> None:
    """The next target is asked at once, and the caller learns what was asked for."""
    first, second = ScriptedProvider("first", [busy(30.001)]), ScriptedProvider("second", [busy(45)])
    pipeline = Pipeline(Fallback(first, second), Retry(max_delay=30))
    with pytest.raises(AllDeploymentsFailedError) as failure:
        await pipeline.complete("Why?")
    assert time() == 0
    assert [error.retry_after for error in failure.value.exceptions] == [30.001, 45]
    assert failure.value.retry_after == 30.001


async def test_t25_a_wait_of_exactly_max_delay_is_waited() -> None:
    """The boundary belongs to the waits that are made."""
    pipeline = Pipeline(
        Fallback(ScriptedProvider("only", [busy(30), "ok"])), Retry(max_delay=30, jitter="none")
    )
    await pipeline.complete("Why?")
    assert time() == 30


async def test_t25_a_wait_beyond_the_deadline_is_not_begun() -> None:
    """Nor is it cut to fit: the error comes at once, with the wait that was asked for."""
    pipeline = Pipeline(Deadline(20), Fallback(ScriptedProvider("only", [busy(20), "ok"])), Retry())
    with pytest.raises(RateLimitError) as failure:
        await pipeline.complete("Why?")
    assert (time(), failure.value.retry_after) == (0, 20)


async def test_t25_a_wait_that_fits_the_deadline_is_not_lost_to_chance() -> None:
    """However large the jitter, it leaves time for the attempt."""
    for _ in range(50):
        began = time()
        provider = ScriptedProvider("only", [busy(19), "ok"])
        pipeline = Pipeline(Deadline(20), Fallback(provider), Retry(base_delay=30, max_delay=30))
        assert (await pipeline.complete("Why?")).text == "ok"
        assert 19 <= time() - began < 20


async def test_t25_asked_to_wait_no_time_it_waits_as_long_as_it_would_have() -> None:
    """`Retry-After: 0` is no invitation to hammer."""
    provider = ScriptedProvider("only", [busy(0), busy(0), "ok"])
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=1, jitter="none"))
    await pipeline.complete("Why?")
    assert time() == 3


@pytest.mark.parametrize("base", [9.999, 10.0, 25.0])
async def test_t26_it_never_sleeps_past_the_deadline(base: float) -> None:
    """A wait that ends at the deadline or later is not begun: the provider's error is raised at once."""
    pipeline = Pipeline(
        Deadline(10),
        Fallback(ScriptedProvider("only", [broken(), after(1, "ok")])),
        Retry(base_delay=base, jitter="none"),
    )
    with pytest.raises(DeadlineExceededError if base < 10 else type(broken())):
        await pipeline.complete("Why?")
    assert time() == (10 if base < 10 else 0)


async def test_t26_the_next_target_gets_the_time_that_a_sleep_would_have_taken() -> None:
    """What does not fit the deadline at one target leaves all of it to the next."""
    second = ScriptedProvider("second", [after(9, "ok")])
    pipeline = Pipeline(
        Deadline(10), Fallback(ScriptedProvider("first", [busy(15)]), second), Retry(max_delay=60)
    )
    assert (await pipeline.complete("Why?")).provider == "second"
    assert time() == 9


async def test_t29_backoff_does_not_overflow_after_a_thousand_retries() -> None:
    """Every wait is a number between nothing and `max_delay`."""
    pipeline = Pipeline(
        Fallback(ScriptedProvider("only", [broken()])),
        Retry(max_retries=1100, base_delay=0.5, max_delay=30, jitter="none"),
    )
    with pytest.raises(type(broken())) as failure:
        await pipeline.complete("Why?")
    delays = [each.delay for each in failure.value.attempts]  # type: ignore[attr-defined]
    assert len(delays) == 1101
    assert delays[:8] == [0, 0.5, 1, 2, 4, 8, 16, 30]
    assert set(delays[8:]) == {30}


async def test_t33_a_retry_sends_what_the_first_attempt_sent() -> None:
    """Whatever the caller does to its arguments meanwhile, and also where they could be read only once."""
    messages: list[Any] = [{"role": "user", "content": "Why?"}]
    extra = {"only": {"effort": "low"}}
    provider = ScriptedProvider("only", [broken(), broken(), "ok"])
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=1, jitter="none"))
    asked = asyncio.create_task(
        pipeline.complete(
            messages,
            tools=(Tool(name) for name in ("look", "listen")),
            stop=iter(["END"]),  # type: ignore[arg-type]
            extra=extra,
        )
    )
    await asyncio.sleep(0.5)
    messages.append({"role": "user", "content": "And how?"})
    messages[0]["content"] = "What?"
    extra["only"]["effort"] = "high"
    extra["more"] = {}
    await asked
    first, *others = [call.request for call in provider.calls]
    assert first.messages[0].text == "Why?"
    assert len(first.messages) == 1
    assert [tool.name for tool in first.tools] == ["look", "listen"]
    assert (first.stop, first.extra) == (("END",), {"only": {"effort": "low"}})
    assert others == [first, first]


async def test_t33_a_call_that_was_passed_on_is_changed_by_nobody() -> None:
    """Every attempt has facts of its own."""
    provider = ScriptedProvider("only", [broken(), broken(), "ok"])
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=1, jitter="none"))
    await pipeline.complete("Why?")
    assert [call.attempt for call in provider.calls] == [1, 2, 3]
    assert [call.reason for call in provider.calls] == [None, "network", "network"]


async def test_t34_every_call_has_a_report_of_its_own() -> None:
    """Calls that run at once, and one after another, do not see each other's attempts."""
    provider = ScriptedProvider("only", lambda call: after(1, broken() if call.tenant == "unlucky" else "ok"))
    pipeline = Pipeline(Fallback(provider), Retry(max_retries=1, base_delay=1))
    unlucky, *fine = await asyncio.gather(
        *(pipeline.complete("Why?", tenant=name) for name in ("unlucky", "a", "b")), return_exceptions=True
    )
    assert [each.outcome for each in unlucky.attempts] == ["network", "network"]  # type: ignore[union-attr]
    assert [[each.outcome for each in answer.attempts] for answer in fine] == [["succeeded"]] * 2  # type: ignore[union-attr]
    earlier = fine[0].attempts  # type: ignore[union-attr]
    await pipeline.complete("Why?", tenant="a")
    assert len(earlier) == 1
