"""Wherever the output of a command goes: one line of why it cannot, and never a traceback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ranvier.cli import main, streams
from support.cli.processes import RANVIER

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the streams of a shell")


def run(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run([*RANVIER, *arguments], stderr=subprocess.PIPE, timeout=60, **settings)


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_no_error(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a service without a terminal."""
    monkeypatch.setattr(sys, stream, None)
    assert main(["ask", "-", "--to", "stub"]) == 2
    assert main(["ask", "Why?", "--to", "stub"]) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_is_one_line() -> None:
    """With status 2."""
    with Path("/dev/full").open("wb") as full:
        done = run("check", "--schema", stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode().strip() == "ranvier check: No space left on device"


@pytest.mark.parametrize("command", ["demo", "watch"])
def test_a_reader_that_leaves_is_no_trouble_of_the_service(command: str) -> None:
    """Status 1 of both means something else."""
    read, write = os.pipe()
    os.close(read)
    arguments = {
        "demo": ("demo", "--plain", "--tenants", "1", "--seconds", "0.2"),
        "watch": ("watch", "http://127.0.0.1:9", "--once"),
    }
    with os.fdopen(write, "wb") as closed:
        done = run(*arguments[command], stdout=closed)
    assert (done.returncode, done.stderr) == (streams.CLOSED_PIPE, b"")


def test_an_interrupt_ends_any_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the status of shells, without a traceback."""
    (tmp_path / "app.py").write_text("raise KeyboardInterrupt")
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["doctor", f"{tmp_path / 'app.py'}:pipeline"]) == streams.INTERRUPTED


def test_what_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is no reason to fail."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    monkeypatch.setenv("STUB", "x")
    assert main(["ask", "Why?", "--to", "stub"]) == 0
    print("Grüße \ud800", flush=True)
    assert raw.getvalue().endswith(b"Gr\\xfc\\xdfe \\ud800\n")


def test_a_prompt_in_another_encoding_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than a question with holes."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Gr\xfc\xdfe"), encoding="utf-8"))
    assert main(["ask", "-", "--to", "stub"]) == 2
    assert capsys.readouterr().err == "ranvier ask: standard input is no utf-8 text\n"


def test_an_answer_does_not_command_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """But a file or a pipe has it as it came."""
    text = "a\x1b]52;c;aGk=\x07\x9b2J\tb\n"
    assert streams.for_terminal(text) == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert streams.for_terminal(text) == "a\ufffd]52;c;aGk=\ufffd\ufffd2J\tb\n"
