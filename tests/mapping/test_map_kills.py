"""Many prompts over real sockets to providers that fail, in a process that is killed and begun again.

`nox -s many` does it with 100,000 prompts.
"""

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from soak.load import HALVED
from soak.run import providers
from support.mapping.answering import FILES, records
from support.mapping.killing import Life, answer_of, lives

PROMPTS = int(os.environ.get("RANVIER_MAP_PROMPTS", "200"))
KILLS = int(os.environ.get("RANVIER_MAP_KILLS", "2"))
SEED = 7
"""Of the simulator: of its answers and its faults."""

MARGIN = 2.0
"""MiB that the memory of a process may grow: see `soak.run`."""

PER_KEY = 110
"""Bytes that each answer in a file of lines costs: its key is remembered."""


def judge_memory(last: Life, name: str) -> str:
    """Check that it does not grow with the prompts; what it was."""
    growth = last.growth()
    if growth is None:
        return "too short for its memory"
    early, late = growth
    keys = PROMPTS * PER_KEY / 2**20 if name.endswith(".jsonl") else 0.0
    assert late <= early + keys + MARGIN
    return f"resident {early:.1f} -> {late:.1f} MiB"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
@FILES
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path, name: str) -> None:
    """Killed at random and begun again, until it ends: every prompt has exactly one answer, its own."""
    file = tmp_path / name
    with providers(SEED) as served:
        lived = lives(file, PROMPTS, KILLS, served.port, random.Random(name))
        _, _, requests = served.end()
    found = records(file)
    assert Counter(each["key"] for each in found).most_common(1)[0][1] == 1
    assert sorted(each["index"] for each in found) == list(range(PROMPTS))
    empty = 0
    for each in found:
        text = each["text"].removesuffix(HALVED)
        empty += not text
        assert text in ("", answer_of(each["index"], each["model"], SEED))
    assert empty <= 5 + PROMPTS * 0.02
    assert requests >= PROMPTS
    killed = sum(life.killed for life in lived)
    assert killed >= KILLS // 2  # a short run may be over before it is killed
    peak = max(size for life in lived for size in life.sizes) / 2**20
    memory = judge_memory(lived[-1], name)
    print(
        f"\n{name}: {PROMPTS:,} prompts, {requests:,} requests, {killed} kills, {memory}, peak {peak:.1f} MiB"
    )
