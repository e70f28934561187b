"""What was counted lately: it adds up, and travels between workers as a short text."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.asgi.status.circuits import Overview
from ranvier.asgi.status.recent.facts import of_calls, of_provider
from ranvier.asgi.status.recent.numbers import ALL, LISTS, SERIES, Recent, Recents, add_all
from ranvier.asgi.status.recent.of_service import of_service
from ranvier.asgi.status.recent.of_worker import of_worker
from ranvier.asgi.status.recent.text import MAX_PROVIDERS, read, written
from ranvier.asgi.status.stats import Stats
from ranvier.events import Event, RetryScheduled
from ranvier.store.commands.workers import RECENT, WorkerView
from support.asgi.told import attempt, call, ended

NAMES = st.text(max_size=20)
COUNTERS = st.dictionaries(NAMES, st.integers(1, 10**9), max_size=5).map(Counter)


def lists(name: str) -> st.SearchStrategy[Any]:
    """What a list of that name may hold; it is empty if all would be zero."""
    places = st.dictionaries(st.integers(0, LISTS[name] - 1), st.integers(1, 10**9), max_size=6)
    return places.map(lambda found: [found.get(place, 0) for place in range(LISTS[name])] if found else ())


RECENTS = st.builds(
    Recent,
    rate=st.integers(0, 10**6).map(lambda thousandths: thousandths / 1000),
    outcomes=COUNTERS,
    happened=COUNTERS,
    circuits=COUNTERS,
    **{name: lists(name) for name in LISTS},
)


@given(st.dictionaries(NAMES, RECENTS, max_size=3))
def test_what_is_told_is_what_is_read(recents: Recents) -> None:
    """Whatever providers and outcomes are called."""
    assert read(written(recents)) == recents


@given(RECENTS, RECENTS)
def test_the_order_of_workers_does_not_matter(first: Recent, second: Recent) -> None:
    """Nor are the numbers of one of them changed by it."""
    sums = []
    for one, other in ((first, second), (second, first)):
        before = written({"": one})
        total: Recents = {}
        add_all(total, {"": one}, 5)
        add_all(total, {"": other}, 5)
        assert written({"": one}) == before
        sums.append(total[""])
    assert sums[0].rate == pytest.approx(sums[1].rate)
    sums[0].rate = sums[1].rate
    assert sums[0] == sums[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "[]",
        "3",
        "[" * 100_000,
        '{"": 3}',
        '{"": {"rate": NaN}}',
        '{"": {"rate": -1}}',
        '{"": {"rate": "1"}}',
        '{"": {"outcomes": [1]}}',
        '{"": {"outcomes": {"succeeded": -1}}}',
        '{"": {"outcomes": {"succeeded": 0.5}}}',
        '{"": {"happened": {"retries": true}}}',
        '{"": {"happened": {"retries": ' + "9" * 400 + "}}}",
        '{"": {"seconds": 3}}',
        '{"": {"succeeded": [0, -1]}}',
        '{"": {"succeeded": [119, 1, 1]}}',
        '{"": {"succeeded": [9007199254740991, 1]}}',
        3,
        None,
    ],
)
def test_nonsense_is_not_read(text: Any) -> None:
    """Another program may have written it, or a worker of another version."""
    assert read(text) is None


def test_what_another_version_tells_besides_is_left_out() -> None:
    """Its own fields have other names."""
    text = '{"openai": {"rate": 2, "later": {"a": 1}, "failed_later": [1, 2], "circuits": {"closed": 3}}}'
    assert read(text) == {"openai": Recent(rate=2.0, circuits=Counter(closed=3))}


def test_of_many_providers_the_last_are_told_as_one() -> None:
    """The text stays short, and nothing is lost from the sums."""
    busy = {f"provider-{number}": Recent(1.0, Counter(succeeded=number)) for number in range(100)}
    seen = read(written({ALL: Recent(), **busy}))
    assert seen is not None
    assert list(seen)[-2:] == [f"provider-{MAX_PROVIDERS - 2}", "others"]
    assert sum(each.outcomes["succeeded"] for each in seen.values()) == sum(range(100))


def test_a_quiet_worker_tells_next_to_nothing() -> None:
    """It says so once a second."""
    quiet = Recent(succeeded=[0] * SERIES, failed=[0] * SERIES)
    assert written({ALL: quiet, "openai": quiet}) == '{"":{},"openai":{}}'


# --- of workers ----------------------------------------------------------------------------------


EVENTS: list[Event] = [
    ended(attempt("openai", "succeeded", 0.4)),
    ended(attempt("openai", "succeeded", 1.6)),
    ended(attempt("openai", "overloaded", 0.01)),
    ended(attempt("gemini", "timeout", 30.0)),
    RetryScheduled(tenant="acme", provider="openai", attempt=1, delay=0.5, kind="overloaded"),
    call(attempt("openai", "overloaded"), attempt("gemini"), seconds=2.5),
    call(outcome="credential_missing"),
    call(attempt("openai", "abandoned"), outcome="abandoned"),
]


def counted(*events: Event) -> Recents:
    """What a worker has counted to which this happened, and which has a circuit and a call in flight."""
    stats, overview = Stats(slow=10), Overview()
    overview.states["openai"].update(open=1)
    overview.probes_due["openai"] = 1
    for event in events:
        stats(event)
    return of_worker(stats, ["openai", "gemini"], overview, (1, 1), 1.0)


def view(number: int, recents: Recents) -> WorkerView:
    """What the store tells of it."""
    return WorkerView(f"worker-{number}", 0, {"host": "here", RECENT: written(recents)}, {})


@pytest.mark.virtual_time
@pytest.mark.parametrize("size", [1, 2, 3, 45])
async def test_the_numbers_of_many_workers_are_those_of_one_that_has_seen_it_all(size: int) -> None:
    """However the events are spread over them: also the percentiles, the series and what is in flight."""
    events = EVENTS * 20
    workers = [view(number, counted(*events[number::size])) for number in range(size)]
    total, summed = await of_service(workers)
    assert summed == size
    one = counted(*events)
    one[ALL].happened["running"] = one[ALL].happened["streams"] = size
    one["openai"].circuits["open"] = one["openai"].happened["probes_due"] = size
    assert of_calls(total[ALL]) == {**of_calls(one[ALL]), "rate": pytest.approx(one[ALL].rate)}
    for name in ("openai", "gemini"):
        expected = {**of_provider(name, one[name]), "rate": pytest.approx(one[name].rate)}
        assert of_provider(name, total[name]) == expected
    assert of_calls(total[ALL])["rescued"] == 20
    assert of_provider("openai", total["openai"])["retries"] == 20


@pytest.mark.virtual_time
async def test_a_worker_that_tells_nonsense_is_left_out() -> None:
    """So is one that tells nothing, as it has no status page."""
    good = view(1, counted(*EVENTS))
    bad = WorkerView("worker-2", 0, {RECENT: "nonsense"}, {})
    silent = WorkerView("worker-3", 0, {}, {})
    total, summed = await of_service([bad, good, silent])
    assert (summed, total) == (1, (await of_service([good]))[0])


@pytest.mark.virtual_time
async def test_the_providers_of_all_workers_together_are_bounded() -> None:
    """Those without a place are counted as one."""
    names = [[f"provider-{number}-{each}" for each in range(MAX_PROVIDERS - 1)] for number in range(20)]
    workers = [
        view(number, {ALL: Recent(), **{name: Recent(1.0) for name in names[number]}}) for number in range(20)
    ]
    total, _ = await of_service(workers)
    assert len(total) == 102
    assert sum(each.rate for each in total.values()) == 20 * (MAX_PROVIDERS - 1)
