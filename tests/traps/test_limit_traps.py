"""Traps around the numbers that people write: zero is at once, None is off, and negative is refused."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    ConfigurationError,
    DeadlineExceededError,
    LocalCapacityError,
    Pipeline,
    StreamInterruptedError,
    deadline,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.testing import ScriptedProvider, after, broken, stream
from support.scenes import time

pytestmark = pytest.mark.virtual_time


def asking(*layers: Any, script: Any = "ok") -> tuple[ScriptedProvider, Pipeline]:
    """A provider, and a pipeline of `layers` around it."""
    provider = ScriptedProvider("only", [script])
    layers = tuple(sorted((Fallback(provider), *layers), key=lambda layer: layer.place))
    return provider, Pipeline(*layers)


@pytest.mark.parametrize(
    ("layers", "error"),
    [
        ([Timeout(seconds=0)], AttemptTimeoutError),
        ([Timeout(seconds=0, first_token=5)], AttemptTimeoutError),
        ([Deadline(0)], DeadlineExceededError),
        ([Deadline(0), Timeout(first_token=5)], DeadlineExceededError),
    ],
)
async def test_t35_zero_is_at_once(layers: list[Any], error: type[Exception]) -> None:
    """There is no time for an attempt, so that nothing is sent."""
    provider, pipeline = asking(*layers)
    with pytest.raises(error):
        await pipeline.complete("Why?")
    with pytest.raises(error):
        await pipeline.stream("Why?")
    assert (time(), provider.calls) == (0, [])


async def test_t35_a_deadline_of_zero_is_at_once_wherever_it_is_said() -> None:
    """For one call, and for a block of calls."""
    provider, pipeline = asking()
    with pytest.raises(DeadlineExceededError):
        await pipeline.complete("Why?", deadline=0)
    with deadline(0), pytest.raises(DeadlineExceededError):
        await pipeline.complete("Why?")
    assert (time(), provider.calls) == (0, [])


async def test_t35_no_patience_for_a_first_token_or_a_slot_is_none_at_all() -> None:
    """A limit of zero is met by whatever takes any time."""
    provider, pipeline = asking(Timeout(first_token=0), script=after(0.001, "ok"))
    with pytest.raises(AttemptTimeoutError):
        await pipeline.complete("Why?")
    _, pipeline = asking(Timeout(idle=0), script=stream("one", after(0.001, "two")))
    with pytest.raises(StreamInterruptedError):
        await (await pipeline.stream("Why?")).collect()
    provider, pipeline = asking(Timeout(connect=0))
    provider.slots = asyncio.Semaphore(0)
    with pytest.raises(LocalCapacityError):
        await pipeline.complete("Why?")
    assert time() == 0


async def test_t35_zero_seconds_between_retries_is_no_wait() -> None:
    """Neither is a cooldown of zero: the next call is a probe."""
    provider, pipeline = asking(Retry(max_retries=5, base_delay=0), script=broken())
    with pytest.raises(type(broken())):
        await pipeline.complete("Why?")
    assert (time(), len(provider.calls)) == (0, 6)
    provider, pipeline = asking(Breaker(failure_threshold=1, cooldown=0), script=broken())
    for _ in range(3):
        with pytest.raises(type(broken())):
            await pipeline.complete("Why?")
    assert (time(), len(provider.calls)) == (0, 3)


@pytest.mark.parametrize("whole", [True, False])
async def test_t35_none_is_off(whole: bool) -> None:
    """A provider may then think for eleven days, and be silent for as long."""
    limits = Timeout(seconds=None, connect=None, first_token=None, idle=None)
    _, pipeline = asking(Deadline(None), limits, script=stream(after(1e6, "one"), after(1e6, "two")))
    if whole:
        answer = await pipeline.complete("Why?", deadline=None)
    else:
        answer = await (await pipeline.stream("Why?")).collect()
    assert (answer.text, time()) == ("onetwo", 2e6)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda value: Timeout(seconds=value), "Timeout(seconds)"),
        (lambda value: Timeout(connect=value), "Timeout(connect)"),
        (lambda value: Timeout(first_token=value), "Timeout(first_token)"),
        (lambda value: Timeout(idle=value), "Timeout(idle)"),
        (Deadline, "Deadline(seconds)"),
        (deadline, "deadline"),
        (lambda value: asking()[1].complete("Why?", deadline=value), "deadline"),
        (lambda value: asking()[1].stream("Why?", deadline=value), "deadline"),
        (lambda value: Retry(base_delay=value), "Retry(base_delay)"),
        (lambda value: Retry(max_delay=value), "Retry(max_delay)"),
        (lambda value: Breaker(cooldown=value), "Breaker(cooldown)"),
        (lambda value: Breaker(max_cooldown=value), "Breaker(max_cooldown)"),
        (lambda value: Breaker(probe_lease=value), "Breaker(probe_lease)"),
    ],
)
@pytest.mark.parametrize("value", [-1, -0.001, float("nan"), "5", True])
async def test_t35_negative_seconds_and_other_nonsense_are_refused(
    make: Callable[[Any], object], name: str, value: Any
) -> None:
    """At once, by the name of the parameter and its value."""
    with pytest.raises(ConfigurationError, match=f"^{re.escape(f'{name}={value!r}')}: give a number"):
        make(value)
