"""A command whose standard input or output cannot be used: one line on standard error, and a status."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ranvier import __version__
from ranvier.cli import main

RUN = "import sys; from ranvier.cli import main; sys.exit(main())"


def run(*arguments: str, **files: object) -> tuple[int, str]:
    """The status, and what is told on standard error."""
    ended = subprocess.run(  # type: ignore[call-overload]  # because: the files are those of the test
        [sys.executable, "-c", RUN, *arguments],
        stderr=subprocess.PIPE,
        env={**os.environ, "ANTHROPIC_API_KEY": "any-key"},
        timeout=60,
        **files,
    )
    return ended.returncode, ended.stderr.decode()


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """To whom asks."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"ranvier {__version__}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device")
def test_an_output_that_is_full_is_status_1() -> None:
    """Nothing is lost silently, and nothing ends in a traceback."""
    with open("/dev/full", "wb") as full:
        status, told = run("check", "--schema", stdout=full)
    assert (status, told) == (1, "ranvier check: No space left on device\n")


@pytest.mark.skipif(os.name == "nt", reason="files are closed before the start otherwise there")
@pytest.mark.parametrize(
    ("closed", "arguments", "words"),
    [
        (1, ("check", "--schema"), "ranvier check: standard output is closed: redirect it"),
        (0, ("ask", "-", "--to", "anthropic"), "ranvier ask: standard input is closed: give the prompt"),
        (0, ("map", "-", "--to", "stub", "--out", "a.jsonl"), "ranvier map: standard input is closed"),
    ],
)
def test_a_closed_file_is_status_2(
    tmp_path: Path, closed: int, arguments: tuple[str, ...], words: str
) -> None:
    """As by `>&-` and `<&-` of a shell."""
    status, told = run(*arguments, preexec_fn=lambda: os.close(closed), cwd=tmp_path)
    assert status == 2
    assert told.startswith(words)
    assert told.count("\n") == 1


@pytest.mark.parametrize("command", ["check", "demo"])
def test_an_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """As in shells, and without a traceback."""

    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"ranvier.cli.{command}.run", interrupted)
    assert main([command, *(["x.toml"] if command == "check" else [])]) == 130


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--tenants", "0"], "ranvier demo: --tenants=0: give a whole number, 1 or more"),
        (["demo", "--seconds", "nan"], "ranvier demo: --seconds=nan: give a finite number, 1 or more"),
        (["ask", "Hi", "--to", "anthropic/"], "ranvier ask: target 'anthropic/' ends after the slash"),
    ],
)
def test_a_setting_of_no_use_is_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """By its option, before anything is started."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith(words)
    assert said.out == ""
