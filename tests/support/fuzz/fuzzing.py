"""How much is tried, and how it is tried.

Few examples in the suite; `RANVIER_FUZZ_EXAMPLES=20000 pytest tests/fuzz` for as many of each as one likes.
"""

import os
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("RANVIER_FUZZ_EXAMPLES", "0"))
"""Examples of each test; 0 is as many as each finds right for the suite."""


def tried(times: int) -> settings:
    """Settings for a test that tries that many examples in the suite."""
    return settings(
        max_examples=EXAMPLES or times,
        deadline=None,
        derandomize=not EXAMPLES,  # the suite fails for what somebody changed, and for nothing else
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
    )


def grows_at_most_linearly(work: Callable[[int], object], size: int) -> bool:
    """True where `work(16 * size)` takes at most three times what sixteen times `work(size)` takes.

    The least of several measurements counts, since whatever else the machine does only adds to one;
    what is quadratic takes 256 times as long, or 16 times what is allowed for.
    """
    return any(_seconds(work, 16 * size) < 3 * 16 * _seconds(work, size) for _ in range(3))


def _seconds(work: Callable[[int], object], size: int) -> float:
    least = float("inf")
    for _ in range(2):
        began = time.thread_time()
        work(size)
        least = min(least, time.thread_time() - began)
    return least
