"""Celery's prefork pool and gunicorn with `--preload`: their parents use the pipeline before they fork."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.simulator.threaded import simulator_in_thread

SUPPORT = Path(__file__).parents[1] / "support" / "sync"
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
]


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")


@contextmanager
def serving(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own, which is ended by SIGTERM."""
    variables = {**os.environ, **environment}
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=SUPPORT, env=variables, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@needs("gunicorn")
def test_gunicorn_with_preload() -> None:
    """Two workers answer, whole and streamed, each with a loop of its own; both end when they are told to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = ("gunicorn", "--preload", "--workers", "2", "--bind", address, "forked_app:application")
    with simulator_in_thread() as simulator:
        with serving(*command, SIMULATED=simulator.url("anthropic")) as process:
            answers = [_got(f"http://{address}/?t{number}") for number in range(20)]
        assert process.returncode == 0
    assert {each.split(" ", 1)[1] for each in answers} == {f"t{number} True True" for number in range(20)}
    assert str(process.pid) not in {each.split()[0] for each in answers}


def _got(url: str) -> str:
    """What a server answers, once it is up."""
    for _ in range(600):
        try:
            answer = httpx.get(url, trust_env=False, timeout=30)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            assert answer.status_code == 200, answer.text
            return answer.text
    raise AssertionError("the server does not answer")


@needs("celery")
def test_the_prefork_pool_of_celery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes answer tasks, again and again."""
    spool = tmp_path / "spool"
    for folder in (spool, tmp_path / "spool-control", tmp_path / "spool-results"):
        folder.mkdir()
    with simulator_in_thread() as simulator:
        url = simulator.url("anthropic")
        monkeypatch.setenv("SIMULATED", url)
        monkeypatch.setenv("SPOOL", str(spool))
        monkeypatch.syspath_prepend(SUPPORT)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            forked_app = importlib.import_module("forked_app")
        command = ("celery", "-A", "forked_app:worker", "worker", "--pool", "prefork", "--concurrency", "2")
        quietly = warnings.catch_warnings(action="ignore")
        with serving(*command, "--loglevel", "WARNING", SIMULATED=url, SPOOL=str(spool)), quietly:
            sent = [forked_app.ask.delay(f"t{number}") for number in range(12)]
            answers = [each.get(timeout=60) for each in sent]
        forked_app.pipeline.sync.close()
    assert [re.sub(r"^\d+ ", "", each) for each in answers] == [
        f"t{number} True True" for number in range(12)
    ]
