"""`ranvier simulate`, in its own process and in ours."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

import pytest

from ranvier.cli import main
from ranvier.cli import simulate as simulate_command
from support.cli.processes import RANVIER

WIRES = ("anthropic", "openai", "gemini", "kimi", "glm", "openrouter", "ollama", "vertex", "azure", "bedrock")


@contextmanager
def simulate(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which is ended with SIGINT at the latest."""
    with subprocess.Popen(
        [*RANVIER, "simulate", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def ask(url, role="user"):
    """A question to Ollama's chat; returns the status, or `None` where nobody listens."""
    body = json.dumps({"model": "qwen3", "messages": [{"role": role, "content": "Hi"}], "stream": False})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/api/chat", body.encode(), timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except urllib.error.URLError:
        return None


def test_it_serves_until_it_is_interrupted(tmp_path):
    """It says where it listens and what it will do, a line for each request, and ends well."""
    script = tmp_path / "script.toml"
    script.write_text(
        '[[rules]]\nfault = { kind = "Status", status = 503 }\nprovider = "ollama"\nfirst = 1\n'
    )
    with simulate("--script", str(script), "--seed", "3") as process:
        told = dict(process.stdout.readline().split(maxsplit=1) for _ in WIRES)
        directions = "".join(process.stdout.readline() for _ in range(len(WIRES) + 5))
        assert tuple(told) == WIRES
        assert all(f'"{url.strip()}"' in directions for url in told.values())
        assert process.stdout.readline() == "rule       Status(503) provider='ollama'; first=1\n"
        assert [ask(told["ollama"].strip()) for _ in range(2)] == [503, 200]
        assert ask(told["ollama"].strip(), role="robot") == 400
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    first, second, third, last = output.splitlines()
    assert "#1 ollama qwen3 503 sent" in first
    assert first.endswith("Status(503)")
    assert "#2 ollama qwen3 200 sent" in second
    assert "#3 ollama - 400 sent" in third
    assert 'rejected: 400 invalid_request: invalid role: "robot"' in third
    assert last == "3 requests served"


@pytest.mark.skipif(sys.platform == "win32", reason="such a pipe has no errors there")
def test_it_serves_although_nobody_reads_its_lines_any_more():
    """As behind `| head`, whose end is no reason to fail requests."""
    with simulate() as process:
        urls = dict(process.stdout.readline().split(maxsplit=1) for _ in WIRES)
        while "ranvier ask" not in process.stdout.readline():
            pass
        process.stdout.close()
        assert [ask(urls["ollama"].strip()) for _ in range(3)] == [200, 200, 200]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


def test_it_serves_in_this_process(capsys, tmp_path):
    """The same without a process of its own: a signal ends it, and the handler before it is back."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    before = signal.getsignal(signal.SIGTERM)

    def client() -> None:
        while ask(f"http://127.0.0.1:{port}/ollama") != 200:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    script = tmp_path / "script.json"
    script.write_text('{"rules": [{"fault": "Silence", "provider": "openai"}]}')
    thread = threading.Thread(target=client)
    thread.start()
    assert main(["simulate", "--port", str(port), "--script", str(script)]) == 0
    thread.join()
    told = capsys.readouterr().out
    assert "rule       Silence() provider='openai'" in told
    assert "#1 ollama qwen3 200 sent" in told
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interrupt_that_the_loop_does_not_catch_ends_it_well(monkeypatch, capsys):
    """Where a loop takes no signal handlers, Ctrl-C is a KeyboardInterrupt, and the end is the same."""

    def interrupted(serving: Coroutine[object, object, None]) -> None:
        serving.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupted)
    assert main(["simulate", "--port", "0"]) == 0
    assert capsys.readouterr().out == "0 requests served\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--script", "/nowhere.toml"], "script='/nowhere.toml'"),
        (["--script", "/nowhere.toml"], "No such file or directory\n"),
        (["--port", "1", "--host", "203.0.113.1"], "--host 203.0.113.1 --port 1: "),
        (["--port", "65536"], "--port 65536: give a number from 0 to 65535"),
        (["--port", "-1"], "--port -1: give"),
    ],
)
def test_bad_input_is_status_2(capsys, arguments, complaint):
    """What cannot be done is told in one line on stderr."""
    assert main(["simulate", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("ranvier simulate: ")
    assert complaint in told
    assert told.count("\n") == 1


def test_a_missing_extra_is_status_2(capsys, monkeypatch):
    """Without uvicorn the command says what to install."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "ranvier.simulator.server", raising=False)
    assert main(["simulate", "--port", "0"]) == 2
    assert 'pip install "ranvier[cli]"' in capsys.readouterr().err


def test_a_command_says_which_package_it_lacks(capsys, monkeypatch):
    """What an extra would bring is named; a module of ours that is missing is our fault, and raised."""

    def lacking(name: str) -> Callable[[object], int]:
        def run(args: object) -> int:
            raise ModuleNotFoundError(name=name)

        return run

    monkeypatch.setattr(simulate_command, "run", lacking("rich"))
    assert main(["simulate"]) == 2
    assert capsys.readouterr().err == 'ranvier simulate needs rich: pip install "ranvier[cli]"\n'
    monkeypatch.setattr(simulate_command, "run", lacking("ranvier.nowhere"))
    with pytest.raises(ModuleNotFoundError):
        main(["simulate"])


def test_the_help_tells_the_form_of_a_script(capsys):
    """Every fault is in the help, with its fields."""
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "[[rules]]" in told
    assert "Status       status, reason, retry_after, form" in told


def test_no_command_is_told_what_there_is(capsys):
    """Without a command there is the usage, and status 2."""
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "command" in capsys.readouterr().err
