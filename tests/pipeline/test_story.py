"""Why a call took as long as it did: `explain()`, and the seconds behind it."""

import asyncio
import pickle
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    ConfigurationError,
    OverloadedError,
    Pipeline,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
    StreamInterruptedError,
    Usage,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.pipeline import Price, Story
from ranvier.testing import ScriptedProvider, after, broken, cut, stall, stream

pytestmark = pytest.mark.virtual_time

SECRETS = ("sk-sentinel", "the prompt", "a provider's words")

OUTAGE = """\
succeeded after 17.000 s, 4 attempts
     0.000 s  waited for a credential, 0.500 s (one/scripted)
     0.500 s  one/scripted, attempt 1: server error, 2.000 s
     2.500 s  slept before another attempt, 1.000 s because of server error (one/scripted)
     3.500 s  one/scripted, attempt 2: overloaded (503), 0.500 s
     4.000 s  slept before another attempt, 4.000 s because of overloaded (one/scripted)
     8.000 s  one/scripted, attempt 3: timeout, 5.000 s
    13.000 s  waited for a credential, 0.500 s (two/scripted)
    13.500 s  two/scripted, attempt 1: succeeded, 3.500 s
  total: 11.000 s in attempts, 5.000 s slept before another attempt, 1.000 s waited for a credential, \
0.000 s elsewhere
  tokens: 30, of which 0 on failed attempts"""


async def ask_for_key(tenant: str, provider: str) -> str:
    """A vault that takes its time."""
    await asyncio.sleep(0.5)
    return "sk-sentinel"


def outage() -> Pipeline:
    """The first one fails, then asks for time, then says nothing at all; the second one answers."""
    unwell = ServerError("a provider's words", provider="one")
    busy = OverloadedError("a provider's words", provider="one", status=503, retry_after=4)
    one = ScriptedProvider("one", [after(2, unwell), after(0.5, busy), stall()])
    two = ScriptedProvider("two", [after(3.5, Response("fine", usage=Usage(10, 20, 30)))])
    return Pipeline(
        Deadline(60),
        Fallback(one, two),
        Retry(max_retries=2, base_delay=1, jitter="none"),
        Breaker(),
        Timeout(seconds=5),
        credentials=ask_for_key,
    )


def assert_adds_up(story: Story, seconds: float) -> None:
    """Each of its seconds is in one attempt, or in one wait."""
    parts = sum(each.seconds for each in (*story.attempts, *story.waits))  # type: ignore[attr-defined]
    assert story.seconds == pytest.approx(seconds, abs=0.005)
    assert parts == pytest.approx(seconds, abs=0.005)
    assert story.unaccounted_seconds == pytest.approx(0.0, abs=0.005)


async def test_a_slow_call_in_an_outage_names_each_cause_with_its_seconds() -> None:
    """The golden text; its seconds are those of the call."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await outage().complete("the prompt", tenant="acme")
    assert answer.explain() == OUTAGE
    assert answer.story is not None
    assert_adds_up(answer.story, loop.time() - began)


async def test_it_quotes_nobody() -> None:
    """No prompt, no key, no word of a provider."""
    answer = await outage().complete("the prompt")
    for secret in SECRETS:
        assert secret not in answer.explain()
        assert secret not in repr(answer.story)


async def test_an_error_tells_what_came_before_it() -> None:
    """Those of a group have the same story."""
    one, two = ScriptedProvider("one", [after(1, broken())]), ScriptedProvider("two", [after(2, broken())])
    with pytest.raises(AllDeploymentsFailedError) as caught:
        await Pipeline(Fallback(one, two)).complete("Why?")
    assert caught.value.explain().splitlines()[0] == "all failed after 3.000 s, 2 attempts"
    assert caught.value.exceptions[0].explain() == caught.value.explain()
    assert pickle.loads(pickle.dumps(caught.value)).explain() == caught.value.explain()


def test_an_error_out_of_no_call_says_so() -> None:
    """There is nothing to tell."""
    error = RateLimitError("no", provider="one")
    assert (error.story, error.explain()) == (None, "rate_limit: no call was made")
    assert (Response("x").story, Response("x").explain()) == (None, "no call was made")


async def test_a_stream_counts_the_time_in_which_its_reader_held_events() -> None:
    """It can be asked while it runs, too; it ends with its last event."""
    provider = ScriptedProvider("one", [after(1, stream("a", "b"))])
    async with Pipeline(Fallback(provider)).stream("Why?") as answer:
        assert answer.explain().startswith("running after 1.000 s, 1 attempt\n")
        async for _ in answer:
            await asyncio.sleep(2)
    first = answer.explain().splitlines()[1]
    assert first.startswith("     0.000 s  one/scripted, attempt 1: succeeded, ")
    assert first.endswith(", first content after 1.000 s")
    assert_adds_up(answer.story, 1.0 + 2.0 * len(["a", "b"]))


async def test_a_stream_that_broke_says_so() -> None:
    """In the error, in the stream and in the attempt alike."""
    provider = ScriptedProvider("one", [stream("a", cut())])
    with pytest.raises(StreamInterruptedError) as caught:
        async with Pipeline(Fallback(provider)).stream("Why?") as answer:
            await answer.collect()
    assert caught.value.explain() == answer.explain()
    assert answer.story.outcome == answer.attempts[0].outcome == "stream_dropped"


async def test_a_target_that_is_passed_over_is_named() -> None:
    """With the reason, and no time."""
    one = ScriptedProvider("one", [broken()])
    pipeline = Pipeline(Fallback(one, ScriptedProvider("two", ["fine"] * 2)), Breaker(failure_threshold=1))
    await pipeline.complete("Why?")
    answer = await pipeline.complete("Why?")
    assert "     0.000 s  one/scripted skipped because of circuit open" in answer.explain()
    assert answer.story is not None
    assert [skip.target for skip in answer.story.skips] == ["one/scripted"]


async def test_waiting_at_a_gate_is_told() -> None:
    """Whoever waits because another call was refused sees that in its own story."""
    limited = RateLimitError("slow down", provider="one", retry_after=3)
    provider = ScriptedProvider("one", [limited, "fine", "fine"])
    pipeline = Pipeline(Deadline(60), Fallback(provider), Retry(jitter="none"), Throttle())
    first = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    second = await pipeline.complete("And why?")
    await first
    assert second.story is not None
    assert [wait.kind for wait in second.story.waits] == ["gate"]
    assert_adds_up(second.story, second.story.seconds)
    assert second.story.seconds >= 2.0


async def test_a_cancelled_wait_is_in_the_story() -> None:
    """It ends where the caller went."""
    told: list[Any] = []
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", [broken(), "fine"])),
        Retry(base_delay=30, max_delay=30, jitter="none"),
    )
    pipeline.events.add(told.append, verbose=True)
    task = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(7)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ended = told[-1]
    assert (ended.name, ended.outcome, ended.seconds) == ("call_ended", "abandoned", 7.0)
    assert [(wait.kind, wait.seconds) for wait in ended.story.waits] == [("backoff", 7.0)]


async def test_tokens_in_vain_are_summed_and_priced() -> None:
    """Beside those of the answer; a part that a cache held has a price of its own."""
    unfit, fit = (
        Response("{}", usage=Usage(100, 50, 150)),
        Response('{"x": 1}', usage=Usage(100, 20, 120, 60)),
    )
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [unfit, fit])))
    schema = {"type": "object", "required": ["x"]}
    answer = await pipeline.complete("Why?", schema=schema, repair=1)
    assert answer.story is not None
    prices = {"one/scripted": Price(input=1.0, output=10.0, cache_read=0.5)}
    vain, good = (100 * 1.0 + 50 * 10.0) / 1_000_000, (40 * 1.0 + 60 * 0.5 + 20 * 10.0) / 1_000_000
    assert (answer.story.usage.total, answer.story.wasted_usage.total) == (270, 150)
    assert answer.story.wasted_cost(prices) == pytest.approx(vain)
    assert answer.story.cost(prices) == pytest.approx(vain + good)
    assert answer.explain(prices).splitlines()[-2:] == [
        "  tokens: 270, of which 150 on failed attempts",
        "  cost: 0.000870, of which 0.000600 on failed attempts",
    ]
    assert answer.story.cost({}) == 0.0


async def test_a_closing_pipeline_ends_the_story_of_its_calls() -> None:
    """Their error carries it."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [stall()])))
    task = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(2)
    await pipeline.aclose()
    with pytest.raises(ConfigurationError) as caught:
        await task
    assert isinstance(caught.value, RanvierError)
    assert caught.value.explain().startswith("configuration after 2.000 s, 1 attempt\n")
