"""What all commands have in common: the version, an interrupt, and options that mean nothing."""

import pytest

from ranvier import __version__
from ranvier.cli import main


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """To whom asks."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"ranvier {__version__}\n")


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
        (["demo", "--seconds", "nan"], "ranvier demo: --seconds=nan: give a finite number, 0.1 or more"),
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
