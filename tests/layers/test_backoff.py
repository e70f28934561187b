"""Waits between retries: finite, bounded, never shorter than asked for."""

import math
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.layers.retry.backoff import MAX_LENGTH, Backoff, Jitter

seconds = st.floats(min_value=0, allow_nan=False)
multipliers = st.floats(min_value=1, allow_nan=False)
jitters = st.sampled_from(["full", "equal", "none"])
chances = st.floats(min_value=0, max_value=1, exclude_max=True)
retries = st.integers(1, 3) | st.integers(1, 10**6)


def of(base: float, longest: float, multiplier: float = 2.0, jitter: Jitter = "none", rng: float = 0.0):
    """A backoff whose chance is always the same."""
    return Backoff(base, longest, multiplier, jitter, lambda: rng)


@given(seconds, seconds, multipliers, jitters, chances, retries)
def test_a_wait_is_between_nothing_and_the_longest(
    base: float, longest: float, multiplier: float, jitter: Jitter, rng: float, retry: int
) -> None:
    """Never negative, infinite, or no number at all, whatever it is made of."""
    wait = of(base, longest, multiplier, jitter, rng).delay(retry)
    assert 0 <= wait <= min(longest, MAX_LENGTH)


@given(seconds, seconds, multipliers, jitters, chances, retries, st.floats(0, 1e6))
def test_what_was_asked_for_is_never_shortened(
    base: float, longest: float, multiplier: float, jitter: Jitter, rng: float, retry: int, asked: float
) -> None:
    """Chance adds at most one base delay to it, and nothing without jitter."""
    backoff = of(base, longest, multiplier, jitter, rng)
    wait = backoff.delay(retry, asked)
    usual = backoff.delay(retry)
    assert asked <= wait < math.inf
    assert wait >= usual
    most = asked if jitter == "none" else asked + min(base, longest, MAX_LENGTH)
    assert wait <= max(most, usual)


@given(seconds, seconds, multipliers, st.integers(1, 2000))
def test_waits_never_shrink(base: float, longest: float, multiplier: float, retry: int) -> None:
    """Each is at least as long as the one before, until the longest is reached."""
    backoff = of(base, longest, multiplier)
    assert backoff.delay(retry) <= backoff.delay(retry + 1)


@given(st.floats(0.001, 10), st.floats(1.1, 4), st.integers(1, 12))
def test_waits_grow_by_the_multiplier(base: float, multiplier: float, retry: int) -> None:
    """From the base on, where nothing bounds them."""
    backoff = of(base, math.inf, multiplier)
    assert backoff.delay(1) == base
    assert backoff.delay(retry) == pytest.approx(base * multiplier ** (retry - 1))


@pytest.mark.parametrize(
    ("jitter", "least", "most"), [("full", 0.0, 8.0), ("equal", 4.0, 8.0), ("none", 8.0, 8.0)]
)
def test_jitter_spreads_a_wait_over_its_share(jitter: Jitter, least: float, most: float) -> None:
    """Full over all of it, equal over the upper half, none not at all."""
    waits = [of(1, 100, 2, jitter, step / 1000).delay(4) for step in range(1000)]
    assert min(waits) == least
    assert max(waits) == pytest.approx(most, rel=0.01)
    assert mean(waits) == pytest.approx((least + most) / 2, rel=0.01)


@pytest.mark.parametrize(
    ("base", "longest", "multiplier", "waits"),
    [
        (0.5, 30, 2, [0.5, 1, 2, 4, 8, 16, 30, 30]),
        (0.5, math.inf, 2, [0.5, 1, 2, 4]),
        (1, 1, 2, [1, 1, 1]),
        (5, 3, 2, [3, 3, 3]),
        (1, 30, 1, [1, 1, 1]),
        (1, 30, math.inf, [1, 30, 30]),
        (0, 30, math.inf, [0, 0, 0]),
        (0, 0, 1, [0, 0, 0]),
        (5e-324, 30, 2, [5e-324, 1e-323]),
    ],
)
def test_corners(base: float, longest: float, multiplier: float, waits: list[float]) -> None:
    """Infinity grows, zero stays zero, a base beyond the longest is the longest."""
    backoff = of(base, longest, multiplier)
    assert [backoff.delay(retry) for retry in range(1, len(waits) + 1)] == waits


def test_the_smallest_base_reaches_the_longest_wait_in_the_end() -> None:
    """Where its power overflows a float, the longest wait is meant."""
    assert of(5e-324, 30).delay(1024) == pytest.approx(8.88e-16, rel=0.01)
    assert of(5e-324, 30).delay(1100) == 30
    assert of(5e-324, 30).delay(10**9) == 30
