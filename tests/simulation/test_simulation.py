"""The simulation in small: `run.py --calls 1000000` is its long form."""

import pytest

from simulation.world import simulate

CALLS = 500


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_invariant_is_kept_whatever_goes_wrong(seed: int) -> None:
    """Providers fail in every way, callers cancel, drop and dawdle, and layers raise."""
    result = simulate(seed, CALLS)
    assert result.calls == CALLS
    assert result.faults > CALLS / 10


def test_the_same_seed_has_the_same_trace() -> None:
    """Nothing depends on anything but the seed; so a failing one can be replayed."""
    assert simulate(17, CALLS).digest == simulate(17, CALLS).digest
    assert simulate(17, CALLS).digest != simulate(18, CALLS).digest
