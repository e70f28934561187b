"""Runs `killed.py` and kills it at random, again and again, until it is let come to its end."""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from ranvier.simulator.composer import compose
from ranvier.simulator.dialogue import Ask
from soak.gauges import resident

KILLED = Path(__file__).with_name("killed.py")
EVERY = 0.1
"""Seconds between two looks at a process."""

ENOUGH = 300
"""Looks at the memory of one life, from which it can be judged."""

MALLOC = {"MALLOC_MMAP_THRESHOLD_": "131072"}
"""As docs/testing.md advises: see `soak.gauges.keep_heap_whole`."""


def prompt_of(index: int) -> str:
    """The prompt with that index."""
    return f"prompt {index}: why do nodes of Ranvier exist?"


def answer_of(index: int, model: str, seed: int) -> str:
    """What the simulator answers to it, if nothing goes wrong."""
    ask = Ask("", None, model, streaming=False, prompt=prompt_of(index))
    return "".join(compose(ask, number=0, seed=seed).text)


@dataclass
class Life:
    """One process.

    Attributes:
        done: The prompts that were over when it was looked at last.
        killed: Whether it was killed; false if it came to its end.
        sizes: The bytes of it in memory, `EVERY` so many seconds.
        told: The end of what it has printed.
    """

    done: int = 0
    killed: bool = False
    sizes: list[int] = field(default_factory=list)
    told: bytes = b""

    def look(self, process: subprocess.Popen[bytes]) -> None:
        """See how far it is, and how large."""
        self.sizes.append(resident(process.pid))
        assert process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            self.told = (self.told + os.read(process.stdout.fileno(), 65536))[-100:]
        *lines, _ = self.told.split(b"\n")  # the last one may not be whole
        self.done = int(lines[-1]) if lines else 0

    def growth(self) -> tuple[float, float] | None:
        """The medians of the second sixth and of the last third, in MiB; `None` if it was too short."""
        number = len(self.sizes)
        if number < ENOUGH:
            return None
        early, late = self.sizes[number // 6 : number // 3], self.sizes[number * 2 // 3 :]
        return statistics.median(early) / 2**20, statistics.median(late) / 2**20


def lives(file: Path, prompts: int, kills: int, port: int, rng: random.Random) -> list[Life]:
    """All processes: each but the last is killed, most of them while they send, some as they begin."""
    targets = sorted(rng.choice((0.0, 0.6, 0.6, 0.6)) * rng.random() * prompts for _ in range(kills))
    return [
        _live(_started(file, prompts, number, port), target, rng)
        for number, target in enumerate([*targets, float("inf")])
    ]


def _started(file: Path, prompts: int, seed: int, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(KILLED), str(file), str(prompts), str(seed), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **MALLOC})
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process


def _live(process: subprocess.Popen[bytes], target: float, rng: random.Random) -> Life:
    """Let it live until so many prompts are over, and a moment longer."""
    life = Life()
    with process:
        try:
            if not target:
                time.sleep(rng.random())  # it begins, perhaps to open the file
            while process.poll() is None and not life.killed:
                life.look(process)
                if life.done >= target:
                    time.sleep(rng.random() * EVERY)
                    process.kill()
                    life.killed = True
                time.sleep(EVERY)
        finally:
            process.kill()
    assert life.killed or process.returncode == 0
    return life
