"""What goes wrong in a run: by the seed alone, each on its own."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline, Response
from ranvier.layers import Fallback, Timeout
from ranvier.testing import Fault, Faults, virtual_time
from ranvier.testing.faults import KINDS
from ranvier.testing.shrinking import Schedule, shrunk


def outcomes(seed: int, **settings: Any) -> list[Any]:
    """What becomes of calls without any layer."""

    async def scenario() -> list[Any]:
        pipeline = Pipeline(Fallback(faults.provider("one", **settings)), Timeout(1000))
        calls = [pipeline.complete("Why?", tenant=f"t{number}") for number in range(20)]
        return await asyncio.gather(*calls, return_exceptions=True)

    faults = Faults(seed)
    with virtual_time() as run:
        return run(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_is_what_it_is_called(kind: str) -> None:
    """An error of that kind, or a silence, or an answer that is late."""
    silent, late = kind in ("stall", "silence"), kind == "slow"
    expected = {"cut": "invalid_response", "reset": "network"}.get(kind, "timeout" if silent else kind)
    for outcome in outcomes(1, kinds=[kind], rate=1):
        if late:
            assert 0 <= outcome.attempts[0].seconds <= 60
        else:
            assert outcome.kind == expected


def test_what_is_left_out_changes_nothing_else() -> None:
    """Each request has dice of its own, by its place and the seed alone."""
    asked = [Fault(f"one#{number}", "stall", 0) for number in (3, 5)]
    calls = 12

    async def scenario(faults: Faults) -> list[float]:
        provider = faults.provider("one")
        pipeline = Pipeline(Fallback(provider), Timeout(1000))
        done = await asyncio.gather(*(pipeline.complete("?") for _ in range(calls)), return_exceptions=True)
        return [answer.attempts[0].seconds for answer in done if isinstance(answer, Response)]

    with virtual_time() as run:
        some = run(scenario(Faults(1, {fault.place: fault for fault in asked})))
    with virtual_time() as run:
        none = run(scenario(Faults(1, {})))
    assert len(none) == calls
    assert some == [seconds for number, seconds in enumerate(none, start=1) if number not in (3, 5)]


def test_runs_differ_from_each_other() -> None:
    """From never to always, and in the kinds that they know."""
    shares = Counter()
    for seed in range(40):
        failed = sum(not isinstance(outcome, Response) for outcome in outcomes(seed, kinds=["network"]))
        shares["none" if failed == 0 else "all" if failed == 20 else "some"] += 1
    assert min(shares.values()) >= 3
    seen = [frozenset(getattr(each, "kind", "") for each in outcomes(seed, rate=1)) for seed in range(10)]
    assert len(set(seen)) > 3


def test_good_answers_are_what_one_says() -> None:
    """A text, a response, or what a function of the call returns; in their time."""
    reply = Response("whole")
    for answer, text in (
        (None, "one answers"),
        ("said", "said"),
        (reply, "whole"),
        (lambda call: call.tenant, "t3"),
    ):
        answers = outcomes(1, answer=answer, rate=0, pace=4)
        assert answers[3].text == text
        assert max(each.attempts[0].seconds for each in answers) > 1


def test_a_fault_of_ones_own_comes_when_it_says() -> None:
    """Within its bound, as often as asked, and never by itself."""
    faults = Faults(1)
    seconds = [faults.perhaps("cancel", most=5, rate=0.5) for _ in range(100)]
    happened = [each for each in seconds if each is not None]
    assert 30 < len(happened) < 70
    assert max(happened) <= 5
    assert faults.perhaps("never", rate=0) is None
    assert faults.perhaps("always", rate=1) == 0
    assert str(faults.happened[-1]) == "always#1=after:0"


def test_a_kind_that_nobody_knows_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(ConfigurationError, match="choose from rate_limit, overloaded"):
        Faults(1).provider("one", kinds=["stall", "meteor"])


@pytest.mark.parametrize("size", [0, 2.5, 0.01, 86399.99, 123456789.01])
def test_a_fault_is_read_as_it_was_written(size: float) -> None:
    """To the last digit."""
    fault = Fault("one#12", "slow", size)
    assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize("size", ["", "1-2", ".", "e5", "1e", "nan"])
def test_a_size_that_is_no_number_is_refused(size: str) -> None:
    """With the form that a fault has."""
    with pytest.raises(ConfigurationError, match="write it like"):
        Fault.parse(f"one#1=slow:{size}")


def test_a_provider_without_faults_can_be_had() -> None:
    """No kinds, no faults."""
    assert all(isinstance(each, Response) for each in outcomes(3, kinds=[], rate=1))


@pytest.mark.parametrize("name", ["", "two words", "a=b", "a#1", "a:b"])
def test_a_name_that_could_not_be_replayed_is_refused(name: str) -> None:
    """Of providers and of faults of one's own."""
    with pytest.raises(ConfigurationError, match="cannot name a fault"):
        Faults(1).perhaps(name)
    with pytest.raises(ConfigurationError, match="cannot name a fault"):
        Faults(1).provider(name)


# --- making less of it ---------------------------------------------------------------------------


def schedule(*sizes: float) -> Schedule:
    """Faults of these sizes."""
    return tuple(Fault(f"one#{number}", "slow", size) for number, size in enumerate(sizes))


def test_what_is_not_needed_is_left_out_and_the_rest_made_smaller() -> None:
    """Down to the two that matter, the one as small as it may be."""

    def fails(candidate: Schedule) -> Schedule | None:
        sizes = {fault.place: fault.size for fault in candidate}
        return candidate if sizes.get("one#3", 0) >= 2.5 and "one#11" in sizes else None

    found = shrunk(schedule(*[9.75] * 16), fails, tries=200)
    assert [(fault.place, fault.size) for fault in found] == [("one#3", 3.0), ("one#11", 0.0)]


def test_what_was_not_even_reached_is_left_out() -> None:
    """A run that fails tells which faults it has met."""
    found = shrunk(schedule(1, 1, 1, 1), lambda candidate: candidate[:1] or None, tries=200)
    assert [fault.size for fault in found] == [0]


def test_no_more_is_tried_than_may_be() -> None:
    """And nothing twice."""
    tried: list[Schedule] = []

    def fails(candidate: Schedule) -> None:
        tried.append(candidate)

    assert shrunk(schedule(*[5] * 40), fails, tries=7) == schedule(*[5] * 40)
    assert len(tried) == len(set(tried)) == 7
    tried.clear()
    shrunk(schedule(5, 5), fails, tries=1000)
    assert len(tried) == len(set(tried)) == 11
