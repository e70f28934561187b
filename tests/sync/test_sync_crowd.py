"""A thousand threads at once, some interrupted, while the pipeline closes: nothing waits, nothing is left."""

import os
import threading

import pytest

from support.sync.crowd import Crowd

SEEDS = int(os.environ.get("RANVIER_SYNC_SEEDS", "12"))
"""More of them, such as 1000, for the long form."""

THREADS = int(os.environ.get("RANVIER_SYNC_THREADS", "40"))


def left_behind(crowd: Crowd) -> list[object]:
    """What of the run is still there."""
    threads = [each for each in threading.enumerate() if each.name == "ranvier.sync"]
    return [*threads, *["a request"] * crowd.provider.inside, *crowd.pipeline.lifecycle.calls]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_thread_waits_for_ever_and_nothing_is_left(seed: int) -> None:
    """Forty threads, which is enough for every race, in another order with each seed."""
    crowd = Crowd(seed, THREADS)
    crowd.run()
    assert left_behind(crowd) == []


def test_a_thousand_threads_ask_at_once() -> None:
    """They get their answers, their errors or their interruption, and the thread of the loop ends."""
    crowd = Crowd(0, 1000)
    crowd.run()
    assert left_behind(crowd) == []
    assert len(crowd.ends) >= 3
