"""Breaks the source one line at a time, and expects the test of a trap, or the simulation, to notice.

    python tests/mutations.py            all of them
    python tests/mutations.py T12 S5     those of one trap and of one invariant

Each worker has a copy of the source and the tests of its own. A mutation is `killed` when its tests pass on
the true source and fail, hang or crash on the mutated one; the exit status is 1 unless all are killed.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from support.mutants.every import MUTANTS
from support.mutants.traps import Mutant

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
IGNORED = shutil.ignore_patterns("__pycache__", ".*")
PATIENCE = 30.0
"""Seconds for one test: a mutation that makes it hang is killed as well."""

TRIES = 5
"""Of one mutation, until it is killed."""

PYTEST = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:faker",
    "--no-header",
    "--tb=line",
    "--assert=plain",
)
"""Without the plugin of a library that the tests do not use, whose import takes longer than most tests."""

AT_RANDOM = "--hypothesis-profile=at random"
"""Each try draws other examples, also where `CI` is set, and none is made smaller."""

WARM_PYTHON = ROOT / "tests" / "support" / "mutants" / "warm_python.py"
WHICH_RANVIER = "import ranvier; print(ranvier.__file__)"
PASSED, FAILED = 0, 1
"""Exit statuses of pytest; every other means that it could not even run the test."""


class Run(NamedTuple):
    """How a run of pytest ended, and what it printed."""

    status: int
    output: str

    @property
    def last_line(self) -> str:
        """The most telling line, if it could not even run a test."""
        return (self.output.strip().splitlines() or ["no output"])[-1]


class Copy:
    """The source and the tests in a directory of their own, where one mutation at a time is tried."""

    def __init__(self, place: Path) -> None:
        self._place = place
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, place / name, ignore=IGNORED)
        shutil.copy(ROOT / "pyproject.toml", place)
        environment = {**os.environ, "PYTHONPATH": str(place / "src"), "PYTHONHASHSEED": "0"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        python = partial(
            subprocess.run, cwd=place, env=environment, capture_output=True, text=True, check=True
        )
        # By size and time, which a mutation may leave as they are, bytecode would not be told stale.
        python([sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "src"])
        imported = python([sys.executable, "-c", WHICH_RANVIER]).stdout.strip()
        assert imported == str(place / "src" / "ranvier" / "__init__.py"), f"{imported} would be tested"
        self._python = subprocess.Popen(
            [sys.executable, str(WARM_PYTHON)],
            cwd=place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End its Python."""
        self._python.communicate()

    def test(self, nodes: tuple[str, ...], patience: float) -> Run:
        """Run single tests, for so many seconds at most."""
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        output = self._place / "output.txt"
        run = {"arguments": [*PYTEST, AT_RANDOM, *nodes], "output": str(output), "seconds": patience}
        print(json.dumps(run), file=self._python.stdin, flush=True)
        return Run(int(self._python.stdout.readline()), output.read_text(errors="replace"))

    def try_out(self, mutant: Mutant) -> str:
        """What became of `mutant`: killed, SURVIVED, or broken with a reason."""
        path = self._place / "src" / "ranvier" / mutant.file
        source = path.read_text()
        if (found := source.count(mutant.line)) != 1:
            return f"broken: its line is found {found} times"
        path.write_text(source.replace(mutant.line, mutant.mutation))
        try:
            run = self.test(mutant.nodes, PATIENCE)
        finally:
            path.write_text(source)
        if run.status == FAILED and "ImportError" not in run.output and "SyntaxError" not in run.output:
            return "killed"
        if run.status < 0 or "KeyboardInterrupt" in run.output:
            return (
                "killed"  # it hung, or was ended by a signal that the tests sent and the source did not take
            )
        return "SURVIVED" if run.status == PASSED else f"broken: {run.last_line}"


def judge(mutants: list[Mutant], copies: queue.SimpleQueue[Copy]) -> list[str]:
    """What became of each mutant."""

    def one(mutant: Mutant) -> str:
        copy = copies.get()
        try:
            # What hypothesis draws may miss it once, and a busy machine may have no room for a process.
            for _ in range(TRIES):
                result = copy.try_out(mutant)
                if result == "killed":
                    break
            return result
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, mutants))


def main(traps: list[str]) -> int:
    """Try the mutants of `traps` (all, if there are none), and print a table."""
    chosen = [mutant for mutant in MUTANTS if not traps or mutant.trap in traps]
    if unknown := set(traps) - {mutant.trap for mutant in MUTANTS}:
        print(f"no mutation for {', '.join(sorted(unknown))}: choose among {', '.join(known())}")
        return 1
    began = time.monotonic()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ranvier-mutations-")))
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for number in range(WORKERS):
            copies.put(copy := Copy(place / str(number)))
            stack.callback(copy.close)
        copy = copies.get()
        nodes = tuple(dict.fromkeys(node for mutant in chosen for node in mutant.nodes))
        sound = copy.test(nodes, 10 * PATIENCE)
        if sound.status != PASSED:  # a busy machine may starve one of thousands of tests
            sound = copy.test(nodes, 10 * PATIENCE)
        copies.put(copy)
        if sound.status != PASSED:
            print(sound.output, "broken: not all tests pass on the true source", sep="\n")
            return 1
        results = judge(chosen, copies)
    # What was not killed comes last, where nobody can miss it.
    for mutant, result in sorted(zip(chosen, results, strict=True), key=lambda each: each[1] != "killed"):
        print(f"{mutant.trap:<4} {result:<9} {mutant.file:<30} {mutant.bug}")
    killed = results.count("killed")
    print(f"{killed} of {len(chosen)} mutations killed in {time.monotonic() - began:.0f} s")
    return 0 if killed == len(chosen) else 1


def known() -> list[str]:
    """The traps that have mutations, in order."""
    return list(dict.fromkeys(mutant.trap for mutant in MUTANTS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
