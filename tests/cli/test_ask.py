"""`ranvier ask`, against the simulator over real sockets."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ranvier.cli import main
from ranvier.providers import ADAPTERS, adapter
from ranvier.simulator import Cut, ErrorIn200, Say, Silence, Simulator, Slow, Stall, Status
from support.cli.processes import RANVIER
from support.simulator.threaded import simulator_in_thread

KEYS = {name: adapter(name).environment[0] for name in ADAPTERS if adapter(name).environment}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator on a loop of its own, because the command runs one, too."""
    with simulator_in_thread() as running:
        yield running


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's keys but ours."""
    for name in KEYS:
        for variable in adapter(name).environment:
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(KEYS[name], f"sk-of-{name}")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


def command(simulator: Simulator, *targets: str, prompt: str = "Why?") -> list[str]:
    """The arguments that ask these targets, all of them at the simulator."""
    arguments = ["ask", prompt]
    for target in targets:
        arguments += ["--to", target]
    for name in dict.fromkeys(target.partition("/")[0] for target in targets):
        arguments += ["--base-url", f"{name}={simulator.url(name)}"]
    return arguments


@pytest.mark.parametrize("provider", KEYS)
def test_every_provider_can_be_asked(simulator, capsys, provider):
    """The answer is all there is on standard output; the key is the environment's."""
    simulator.always(provider, Say("Saltatory conduction.\nMostly.", reasoning="Hm."))
    assert main(command(simulator, provider)) == 0
    assert capsys.readouterr() == ("Saltatory conduction.\nMostly.\n", "")
    [exchange] = simulator.requests
    assert (exchange.key, exchange.streaming) == (f"sk-of-{provider}", True)


def test_what_is_asked_is_sent(simulator, capsys):
    """Model, prompt, instructions and limit; an answer that the limit ends is told as such."""
    arguments = command(simulator, "anthropic/claude-haiku-4-5", prompt="Why not?")
    assert main([*arguments, "--system", "Be brief.", "--max-tokens", "3"]) == 0
    said, told = capsys.readouterr()
    assert len(said.split()) == 3
    assert told == "ranvier ask: anthropic ended the answer early: max_tokens\n"
    body = simulator.requests[0].body
    assert (body["model"], body["system"], body["max_tokens"]) == ("claude-haiku-4-5", "Be brief.", 3)
    assert body["messages"] == [{"role": "user", "content": "Why not?"}]


def test_the_prompt_may_come_from_standard_input(simulator, capsys, monkeypatch):
    """A dash stands for it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("A long story.\n"))
    assert main(command(simulator, "ollama", prompt="-")) == 0
    assert simulator.requests[0].body["messages"][0]["content"] == "A long story.\n"


def test_the_next_target_answers_and_the_record_tells_why(simulator, capsys):
    """One readable line for each attempt: whom, how it ended, how long, after what wait, and why."""
    simulator.always("anthropic", Status(503, retry_after=0.05))
    simulator.always("openai", Say("Here."))
    arguments = command(simulator, "anthropic/claude-sonnet-5", "openai/gpt-5.2")
    assert main([*arguments, "--explain"]) == 0
    said, told = capsys.readouterr()
    assert said == "Here.\n"
    lines = told.splitlines()
    assert lines[0].startswith("succeeded after ")
    assert len([line for line in lines if ", attempt " in line]) == len(simulator.requests) >= 2
    assert "anthropic/claude-sonnet-5, attempt 1: overloaded (503), " in lines[1]
    assert "openai/gpt-5.2, attempt 1: succeeded, " in lines[-3]
    assert ", first content after 0." in lines[-3]
    assert lines[-2].startswith("  total: ")
    assert lines[-1] == "  tokens: 3, of which 0 on failed attempts"


def test_a_wait_is_told(simulator, capsys):
    """How long a retry has waited, and why, has a line of its own."""
    simulator.play("openai", Status(500))
    assert main([*command(simulator, "openai"), "--explain"]) == 0
    assert "because of server error (openai/" in capsys.readouterr().err.splitlines()[2]


def test_a_missing_key_names_its_variable(simulator, capsys, monkeypatch):
    """Nothing is sent, and each provider says which variable to set."""
    for variable in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(variable)
    assert main(command(simulator, "anthropic/claude-sonnet-5", "gemini")) == 1
    assert capsys.readouterr() == (
        "",
        "ranvier ask: no key for anthropic: set ANTHROPIC_API_KEY\n"
        "ranvier ask: no key for gemini: set GEMINI_API_KEY or GOOGLE_API_KEY\n",
    )
    assert simulator.total == 0


def test_a_target_without_a_key_is_skipped(simulator, capsys, monkeypatch):
    """The next one answers, and which variable is missing is told."""
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    simulator.always("ollama", Say("Here."))
    assert main(command(simulator, "anthropic", "ollama")) == 0
    said, told = capsys.readouterr()
    assert said == "Here.\n"
    assert told == "ranvier ask: no key for anthropic: set ANTHROPIC_API_KEY\n"


def test_when_nobody_answers_each_says_why(simulator, capsys):
    """A line for each target, without a key in it, and status 1."""
    simulator.always("anthropic", Status(401))
    simulator.always("openai", Status(429, "quota_exhausted"))
    assert main(command(simulator, "anthropic", "openai")) == 1
    said, told = capsys.readouterr()
    assert said == ""
    first, second = told.splitlines()
    assert first.startswith("ranvier ask: anthropic/claude-sonnet-5 answered 401 authentication_error")
    assert second.startswith("ranvier ask: openai/gpt-5.2 answered 429 insufficient_quota")
    assert "sk-of" not in told


@pytest.mark.parametrize("fault", [Cut(after=2), ErrorIn200(after=2)])
def test_a_stream_that_breaks_keeps_its_words(simulator, capsys, fault):
    """What had come is on standard output, in a line of its own; why it broke, on standard error."""
    simulator.always("kimi", Say("One two three.") & fault)
    assert main([*command(simulator, "kimi"), "--explain"]) == 1
    said, told = capsys.readouterr()
    assert said == "One two\n"
    assert told.startswith("ranvier ask: ")
    assert "kimi/kimi-k2.6, attempt 1: stream dropped" in told
    assert "Traceback" not in told


def test_a_deadline_is_kept(simulator, capsys):
    """Who says nothing is given up in time."""
    simulator.always("glm", Silence())
    assert main([*command(simulator, "glm"), "--deadline", "0.1", "--explain"]) == 1
    told = capsys.readouterr().err
    assert "0.1" in told
    assert "glm/glm-5.2, attempt 1: deadline exceeded" in told


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["Why?", "--to", "nobody"], "'nobody' is unknown"),
        (["", "--to", "ollama"], "prompt=''"),
        (["Why?", "--to", "ollama", "--base-url", "ollama"], "--base-url ollama"),
        (["Why?", "--to", "ollama", "--base-url", "kimi=http://localhost"], "no --to names kimi"),
        (["Why?", "--to", "openai", "--base-url", "openai=nowhere"], "nowhere"),
        (["Why?", "--to", "stub", "--base-url", "stub=http://localhost"], "has no address"),
        (["Why?", "--to", "kimi", *["--base-url", "kimi=http://localhost"] * 2], "given twice"),
        (["Why?", "--to", "ollama", "--deadline", "-1"], "deadline"),
        (["Why?", "--to", "ollama", "--max-tokens", "0"], "max_tokens"),
    ],
)
def test_bad_input_is_status_2(capsys, arguments, complaint):
    """What cannot be asked is told in one line, and nothing is sent."""
    assert main(["ask", *arguments]) == 2
    said, told = capsys.readouterr()
    assert said == ""
    assert told.startswith("ranvier ask: ")
    assert complaint in told
    assert told.count("\n") == 1


def started(arguments: list[str]) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [*RANVIER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    )


def test_an_interrupt_ends_it_cleanly(simulator):
    """Ctrl-C in the middle: the words stay, the record is told, there is no traceback."""
    simulator.always("openai", Say("One two three.") & Stall(after=2))
    with started([*command(simulator, "openai"), "--explain"]) as process:
        assert process.stdout.read(7) == "One two"
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "\n"
    assert told.startswith("abandoned after ")
    assert "openai/gpt-5.2, attempt 1: abandoned" in told


def test_an_interrupt_before_the_first_word_ends_it_cleanly(simulator):
    """The same while nothing has come."""
    simulator.always("openai", Silence())
    with started(command(simulator, "openai")) as process:
        while not simulator.in_progress:
            threading.Event().wait(0.01)
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    assert (process.returncode, said, told) == (130, "", "")


def test_who_has_read_enough_ends_it_cleanly(simulator):
    """A pipe that is closed, as `head` does, is no failure of ours."""
    simulator.always("openai", Slow(pace=0.01))
    with started(command(simulator, "openai")) as process:
        assert process.stdout.read(1)
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""
