"""What the status page counts, and that it never counts too much, for ever, or wrongly."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.asgi.status.names import Names
from ranvier.asgi.status.stats import MAX_CHANGES, MAX_KINDS, MAX_PROVIDERS, Stats, TargetStats
from ranvier.asgi.status.stories import MAX_KEPT
from ranvier.asgi.status.windows import SLICE, SPAN, Counts, Histogram, Latencies
from ranvier.events import AttemptStarted, CircuitChanged, RetryScheduled
from support.asgi.told import attempt, call, ended

TIMES = st.lists(st.floats(0, 1000), max_size=60).map(sorted)


@given(TIMES, st.floats(0, 100), st.integers(1, SPAN))
def test_counts_tell_the_last_seconds_exactly(times: list[float], later: float, seconds: int) -> None:
    """Second by second, whatever came before and however long nothing has happened."""
    counts = Counts()
    for when in times:
        counts.add(when)
    now = (times[-1] if times else 0.0) + later
    happened = Counter(int(when) for when in times)
    told = counts.last(now, seconds)
    assert told == [happened[second] for second in range(int(now) - seconds + 1, int(now) + 1)]
    assert counts.total == len(times)


def test_a_clock_that_goes_back_changes_nothing_but_the_second() -> None:
    """What is counted late is counted in the latest second."""
    counts = Counts()
    counts.add(50.0)
    counts.add(49.0)
    assert counts.last(50.0, 2) == [0, 2]


@given(st.lists(st.floats(0.002, 900), min_size=1, max_size=100), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_percentiles_are_a_fifth_too_long_at_most(times: list[float], share: float) -> None:
    """And never too short."""
    latencies = Latencies()
    for seconds in times:
        latencies.add(1.0, seconds)
    true = sorted(times)[max(math.ceil(share * len(times)) - 1, 0)]
    told = latencies.percentiles(1.0, share)[0]
    assert told is not None
    assert true <= told * 1.000001
    assert told <= true * 2**0.25 * 1.000001


def test_latencies_are_forgotten() -> None:
    """After five minutes nothing is known, and a thousand slices take no more room than thirty."""
    latencies = Latencies()
    for number in range(1000):
        latencies.add(number * SLICE, 1.0)
    assert latencies.percentiles(999 * SLICE, 0.5) == [pytest.approx(1.0, rel=0.2)]
    assert latencies.percentiles(999 * SLICE + SPAN, 0.5) == [None]
    assert len(latencies._slices) == SPAN // SLICE


@given(st.lists(st.floats(0, 1000), max_size=50))
def test_a_histogram_cumulates(times: list[float]) -> None:
    """Each bound has what took at most that long, and the last has all."""
    histogram = Histogram()
    for seconds in times:
        histogram.add(seconds)
    told = dict(histogram.cumulated())
    assert told.pop("+Inf") == len(times)
    assert told == {bound: sum(seconds <= float(bound) for seconds in times) for bound in told}
    assert histogram.seconds == pytest.approx(sum(times))


def test_an_account_bounds_its_kinds() -> None:
    """Beyond the bound they are counted together."""
    account = TargetStats()
    for number in range(MAX_KINDS + 50):
        account.count("retries", f"kind {number}", 1.0)
    assert len(account.counts) == MAX_KINDS + 1
    assert account.kinds("retries", 1.0, 60)["others"] == 50


@pytest.mark.virtual_time
async def test_attempts_are_counted_by_provider_and_outcome() -> None:
    """With what is in flight; and only what took its time says how fast a provider is."""
    ledger = Stats(slow=10)
    for outcome, seconds in (
        ("succeeded", 2.0),
        ("overloaded", 0.001),
        ("timeout", 20.0),
        ("abandoned", 5.0),
    ):
        ledger(AttemptStarted(tenant="acme", provider="openai", attempt=1))
        ledger(ended(attempt("openai", outcome, seconds)))
    ledger(AttemptStarted(tenant="acme", provider="openai", attempt=1))
    account = ledger.provider("openai")
    assert account.running == 1
    assert account.kinds("attempts", 0.0, 60) == dict.fromkeys(
        ("succeeded", "overloaded", "timeout", "abandoned"), 1
    )
    assert account.latency.percentiles(0.0, 0.5, 1.0) == [
        pytest.approx(2, rel=0.2),
        pytest.approx(20, rel=0.2),
    ]
    assert account.durations[False].seconds == pytest.approx(20.001)
    await asyncio.sleep(61)
    assert account.kinds("attempts", 61.0, 60) == {}


@pytest.mark.virtual_time
async def test_an_attempt_that_started_before_we_listened_is_not_in_flight_when_it_ends() -> None:
    """There is never less than nothing in flight."""
    ledger = Stats(slow=10)
    ledger(ended(attempt("openai")))
    assert ledger.provider("openai").running == 0


@pytest.mark.virtual_time
async def test_the_series_tells_whole_seconds() -> None:
    """What succeeded and what failed; the running second is not told, and what was given up is neither."""
    ledger = Stats(slow=10)
    for outcome in ("succeeded", "succeeded", "overloaded", "abandoned"):
        ledger(ended(attempt("openai", outcome)))
    await asyncio.sleep(1)
    ledger(ended(attempt("openai")))
    assert ledger.provider("openai").series("attempts", 1.0, 3) == {
        "succeeded": [0, 0, 2],
        "failed": [0, 0, 1],
    }


@pytest.mark.virtual_time
async def test_a_flood_drives_out_nothing_of_another_sort() -> None:
    """The one slow call is still there after a thousand that failed, and the rescued one, too."""
    ledger = Stats(slow=10)
    ledger(call(attempt("openai"), seconds=40.0, tenant="the slow one"))
    ledger(call(attempt("openai", "overloaded"), attempt("ollama"), tenant="the rescued one"))
    for _ in range(1000):
        ledger(call(attempt("openai", "overloaded"), outcome="overloaded", tenant="another"))
    told = ledger.stories.facts(0.0, Names(hashed=False))
    assert Counter(each["sort"] for each in told) == {"failed": MAX_KEPT["failed"], "slow": 1, "rescued": 1}
    assert {each["tenant"] for each in told} == {"the slow one", "the rescued one", "another"}
    assert [each["number"] for each in told] == sorted((each["number"] for each in told), reverse=True)


@pytest.mark.virtual_time
async def test_providers_and_changes_are_bounded() -> None:
    """Whatever they are called, and however often something changes."""
    ledger = Stats(slow=10)
    for number in range(MAX_PROVIDERS * 2):
        where: dict[str, Any] = {"tenant": "acme", "provider": f"provider {number}"}
        ledger(RetryScheduled(**where, attempt=1, delay=1.0, kind="overloaded"))
        ledger(CircuitChanged(**where, before="closed", after="open"))
    assert len(ledger.providers) == MAX_PROVIDERS + 1
    assert sum(account.counts["retry", "overloaded"].total for account in ledger.providers.values()) == 200
    assert len(ledger.changes) == MAX_CHANGES
    assert ledger.changes[-1].words == "circuit closed \u2192 open"
