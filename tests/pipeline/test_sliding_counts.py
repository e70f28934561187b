"""Counts within a sliding window, against a list of everything that happened."""

from hypothesis import example, given
from hypothesis import strategies as st

from ranvier.pipeline.timing.sliding_counts import BUCKETS, SlidingCounts

WINDOW = 8.0
STEP = WINDOW / BUCKETS

steps = st.one_of(
    st.sampled_from([0.0, STEP / 2, STEP, WINDOW - STEP, WINDOW, WINDOW + STEP, 3 * WINDOW]),
    st.floats(0, 2 * WINDOW),
)


@example([(24.0, 0), (7.2, 0), (0.4, 0), (0.4, 0), (7.2, 0)])
@given(st.lists(st.tuples(steps, st.integers(0, 2)), max_size=60))
def test_what_counts_is_what_happened_within_the_window(history: list[tuple[float, int]]) -> None:
    """All of it, to within rounding, and nothing from more than a part of the window earlier."""
    counts, happened, now = SlidingCounts(3, WINDOW), list[tuple[float, int]](), 0.0
    for step, kind in history:
        now += step
        counts.add(kind, now)
        happened.append((now, kind))
        for each in range(3):
            least = sum(kind == each and when > now - WINDOW + 1e-9 for when, kind in happened)
            most = sum(kind == each and when > now - WINDOW - STEP - 1e-9 for when, kind in happened)
            assert least <= counts.totals[each] <= most


def test_time_alone_empties_it() -> None:
    """Also without anything that happens."""
    counts = SlidingCounts(1, WINDOW)
    counts.add(0, 5.0)
    counts.roll(5.0 + WINDOW - STEP)
    assert counts.totals == [1]
    counts.roll(5.0 + WINDOW + 2 * STEP)
    assert counts.totals == [0]


def test_a_clock_that_starts_again_does_not_stop_it() -> None:
    """The clock of another event loop may be behind; what was counted by the old one is dropped."""
    counts = SlidingCounts(1, WINDOW)
    for _ in range(3):
        counts.add(0, 1000.0)
    counts.add(0, 1.0)
    assert counts.totals == [1]
    counts.roll(1.0 + WINDOW + 2 * STEP)
    assert counts.totals == [0]


def test_its_memory_does_not_grow() -> None:
    """However much is counted, and for however long."""
    counts = SlidingCounts(2, WINDOW)
    size = len(counts._ring)
    for number in range(10_000):
        counts.add(number % 2, number / 7)
    assert len(counts._ring) == size == 2 * (BUCKETS + 1)
