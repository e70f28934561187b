"""`ranvier map`, against the simulator over real sockets."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ranvier.cli import main, prompt_lines
from ranvier.simulator import Say, Simulator, Slow, Status
from support.cli.processes import RANVIER
from support.simulator.threaded import simulator_in_thread


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Simulated providers, and a key for one of them."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    with simulator_in_thread() as running:
        yield running


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """A file of three prompts, each in another form."""
    file = tmp_path / "prompts.jsonl"
    lines: list[Any] = [
        "Why?",
        {"key": "second", "prompt": "Why not?", "system": "Be brief.", "max_tokens": 3},
        {"id": 3, "messages": [{"role": "user", "content": "How?"}]},
    ]
    file.write_text("\n\n".join(map(json.dumps, lines)))
    return file


def command(simulator: Simulator, prompts: Path, *more: str) -> list[str]:
    """The arguments that send these prompts to a simulated provider."""
    url = f"openai={simulator.url('openai')}"
    return [
        "map",
        str(prompts),
        "--to",
        "openai",
        "--base-url",
        url,
        "--out",
        str(prompts.parent / "out.jsonl"),
        *more,
    ]


def answers(prompts: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (prompts.parent / "out.jsonl").read_text().splitlines()]


def test_every_prompt_has_its_answer(simulator, prompts, capsys):
    """With its own settings, or those of the command; a second time nothing is sent."""
    simulator.always("openai", Say("Here."))
    assert main(command(simulator, prompts, "--system", "Be kind.")) == 0
    assert sorted(each["key"].partition("-")[0] for each in answers(prompts)) == ["1", "3", "second"]
    assert {each["text"] for each in answers(prompts)} <= {"Here.", "Here"}
    bodies = [json.dumps(exchange.body) for exchange in simulator.requests]
    assert [sum(text in body for body in bodies) for text in ("Be kind.", "Be brief.")] == [2, 1]
    assert main(command(simulator, prompts)) == 0
    assert simulator.total == 3
    assert capsys.readouterr().err.splitlines() == [
        "ranvier map: 3 answered, 0 failed, 0 answered before",
        "ranvier map: 0 answered, 0 failed, 3 answered before",
    ]


def test_prompts_that_fail_are_named_and_sent_again(simulator, prompts, capsys):
    """The status is 1 until all have answers."""
    simulator.always("openai", Status(401))
    assert main(command(simulator, prompts, "--concurrency", "1")) == 1
    told = capsys.readouterr().err
    assert "ranvier map: prompt second: " in told
    assert told.endswith("0 answered, 3 failed, 0 answered before\n")
    simulator.clear()
    assert main(command(simulator, prompts)) == 0
    assert len(answers(prompts)) == 3


@pytest.mark.parametrize("out", ["prompts.jsonl", "missing/out.jsonl", "missing/out.db"])
def test_a_file_that_cannot_take_answers_is_status_2(simulator, prompts, capsys, out):
    """Such as that of the prompts, which stays as it is."""
    before = prompts.read_bytes()
    assert main([*command(simulator, prompts), "--out", str(prompts.parent / out), "--quiet"]) == 2
    assert out in capsys.readouterr().err
    assert (prompts.read_bytes(), simulator.total) == (before, 0)


def test_answers_may_go_into_a_database(simulator, prompts):
    """By the name of the file."""
    out = prompts.parent / "out.db"
    assert main([*command(simulator, prompts), "--out", str(out), "--quiet"]) == 0
    assert out.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 4: this is not JSON"),
        ("7", "line 4: give a text"),
        ("{}", "line 4: give a text"),
        ('{"prompt": "a", "messages": []}', "line 4: give a text"),
        ('{"prompt": 7}', "line 4: prompt is a int: give a text"),
        ('{"messages": "a"}', "line 4: messages is a str: give a list"),
        ('{"prompt": "a", "temprature": 1}', "line 4: 'temprature' is unknown"),
        ('{"prompt": "a", "key": ["x"]}', "line 4: key=['x']: give a whole number, or a text"),
        ('{"prompt": "a", "id": ""}', "line 4: key='': give"),
        ('{"prompt": "a", "key": true}', "line 4: key=True: give"),
    ],
)
def test_a_line_that_is_no_prompt_is_status_2(simulator, prompts, capsys, line, complaint):
    """With its number, before anything is sent."""
    prompts.write_text('"a"\n"b"\n\n' + line + "\n")
    assert main(command(simulator, prompts)) == 2
    assert complaint in capsys.readouterr().err
    assert simulator.total == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_prompts_may_come_from_a_named_pipe(simulator, prompts, capsys):
    """Such as `<(...)` of a shell, which can be read only once."""
    pipe = prompts.parent / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=lambda: pipe.write_bytes(prompts.read_bytes()))
    writing.start()
    assert main(["map", str(pipe), *command(simulator, prompts)[2:]]) == 0
    writing.join()
    assert capsys.readouterr().err == "ranvier map: 3 answered, 0 failed, 0 answered before\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")
def test_answers_are_written_while_a_pipe_is_silent(simulator, prompts, monkeypatch):
    """As behind a program that finds one prompt after the other."""
    read, write = os.pipe()
    monkeypatch.setattr(sys, "stdin", os.fdopen(read))
    found = []

    def produce():
        for number in range(3):
            os.write(write, f'"Prompt {number}?"\n\n'.encode())
            end = time.monotonic() + 20
            while time.monotonic() < end and len(found) <= number:
                found[:] = answers(prompts) if (prompts.parent / "out.jsonl").exists() else []
        os.close(write)

    producing = threading.Thread(target=produce)
    producing.start()
    begun = time.monotonic()
    assert main(["map", "-", *command(simulator, prompts)[2:]]) == 0
    producing.join()
    assert [each["key"].partition("-")[0] for each in found] == ["1", "3", "5"]
    assert time.monotonic() - begun < 20


def fed(monkeypatch, content, *, through=os.pipe):
    """Standard input with `content`, from a pipe or a socket that is closed then."""
    if through is os.pipe:
        read, write = os.pipe()
    else:
        read, write = (each.detach() for each in through())
    monkeypatch.setattr(sys, "stdin", os.fdopen(read))

    def feed():
        os.write(write, content)
        os.close(write)

    writing = threading.Thread(target=feed)
    writing.start()
    return writing


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")
def test_prompts_may_come_through_a_socket(simulator, prompts, monkeypatch):
    """As from a program that starts this one with Node.js; it is awaited like a pipe."""
    feeding = fed(monkeypatch, prompts.read_bytes(), through=socket.socketpair)
    assert prompt_lines._is_pipe(sys.stdin)
    assert main(["map", "-", *command(simulator, prompts)[2:]]) == 0
    feeding.join()
    assert len(answers(prompts)) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")
@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b'"' + b"x" * 5000 + b'"', "has more than 1,000 bytes"), (b'"\xff"\n', "is not UTF-8")],
)
def test_a_line_of_a_pipe_that_cannot_be_read_is_status_2(
    simulator, prompts, monkeypatch, capsys, content, complaint
):
    """In one line, without a traceback."""
    monkeypatch.setattr(prompt_lines, "MAX_LINE", 1000)
    feeding = fed(monkeypatch, content)
    assert main(["map", "-", *command(simulator, prompts)[2:]]) == 2
    feeding.join()
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1


def test_an_option_that_no_prompt_can_have_is_status_2(simulator, prompts, capsys):
    """Once, instead of an error for each prompt."""
    assert main(command(simulator, prompts, "--max-tokens", "0")) == 2
    assert capsys.readouterr().err == "ranvier map: max_tokens=0: give a whole number, 1 or more\n"
    assert simulator.total == 0


def test_a_byte_order_mark_is_no_part_of_a_prompt(simulator, prompts):
    """Editors on Windows write one."""
    prompts.write_bytes(b"\xef\xbb\xbf" + prompts.read_bytes())
    assert main(command(simulator, prompts)) == 0


def test_a_missing_file_is_status_2(simulator, prompts, capsys):
    """Its name is shown."""
    prompts.unlink()
    assert main(command(simulator, prompts)) == 2
    assert capsys.readouterr().err.endswith("prompts.jsonl: No such file or directory\n")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
@pytest.mark.parametrize("end", ["SIGINT", "SIGKILL"])
def test_an_ended_run_goes_on_with_the_same_command(simulator, prompts, end):
    """What was written is not sent again."""
    prompts.write_text("".join(json.dumps(f"Prompt {number}?") + "\n" for number in range(60)))
    simulator.always("openai", Slow(pace=0.001))
    arguments = command(simulator, prompts, "--concurrency", "3")
    with subprocess.Popen([*RANVIER, *arguments], stderr=subprocess.PIPE, env=os.environ.copy()) as process:
        while not (prompts.parent / "out.jsonl").exists() or not answers(prompts)[5:]:
            assert process.poll() is None
        process.send_signal(getattr(signal, end))
        _, told = process.communicate(timeout=60)
    written = len(answers(prompts))
    assert 5 < written < 60
    assert (process.returncode == 130 and b"run the same command again" in told) == (end == "SIGINT")
    assert main(arguments) == 0
    keys = [each["key"] for each in answers(prompts)]
    assert len(keys) == len(set(keys)) == 60


def test_a_file_that_is_no_text_is_status_2(simulator, prompts, capsys):
    """In the words of a user, not of a codec."""
    prompts.write_bytes(b"\xff\n")
    assert main(command(simulator, prompts)) == 2
    assert "prompts.jsonl is no UTF-8 text" in capsys.readouterr().err
