"""`ranvier check`, `ranvier explain-config`, and `ranvier doctor` of a file."""

import json
import sys
from pathlib import Path

import pytest

from ranvier.cli import main

GOOD = """
[providers.eu]
type = "openai"
base_url = "https://eu.invalid/v1"
api_key = { env = "NOT_SET_AT_ALL" }

[resilient]
targets = ["eu/gpt-5.2", "stub"]
"""


def file(folder: Path, text: str = GOOD) -> str:
    """A file with this text."""
    path = folder / "ranvier.toml"
    path.write_text(text)
    return str(path)


def test_check_says_that_a_file_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the secrets that it names."""
    path = file(tmp_path)
    assert main(["check", path]) == 0
    assert capsys.readouterr().out == f"{path}: no mistakes in 6 layers and 2 providers\n"


def test_check_names_every_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its line; the status is that of a failed check."""
    path = file(tmp_path, GOOD.replace("targets", "target").replace("api_key", "api_ky"))
    assert main(["check", path]) == 1
    said = capsys.readouterr().err
    assert f"{path}, line 5: providers.eu.api_ky: unknown, did you mean 'api_key'?" in said
    assert f"{path}, line 8: resilient.target: unknown, did you mean 'targets'?" in said


def test_check_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """For editors."""
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "A pipeline of ranvier"


def test_check_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """It says so."""
    assert main(["check"]) == 2
    assert "name a file" in capsys.readouterr().err


def test_explain_config_prints_the_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what the file leaves out, and no secrets."""
    assert main(["explain-config", file(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Pipeline(\n    Deadline(seconds=180.0),\n    Fallback(eu/gpt-5.2 -> stub/stub")
    assert "    Breaker(failure_threshold=5, success_threshold=2, cooldown=10.0" in said
    assert "eu/gpt-5.2: OpenAI(name='eu', base_url='https://eu.invalid/v1')" in said


def test_doctor_checks_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its secrets: a pipeline without keys would not be well."""
    assert main(["doctor", "--offline", file(tmp_path)]) == 2
    assert "NOT_SET_AT_ALL is not set" in capsys.readouterr().err
    monkeypatch.setenv("NOT_SET_AT_ALL", "sk-1")
    assert main(["doctor", "--offline", "--json", file(tmp_path)]) in (0, 1)
    assert "eu/gpt-5.2" in capsys.readouterr().out


def test_explain_config_prints_settings_and_overrides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the file says beside its layers."""
    text = """
[pipeline]
require_tenant = true
prices."stub/x" = { input = 1, output = 2 }

[[layers]]
type = "Fallback"
targets = ["stub/x"]

[[layers]]
type = "Retry"
overrides.stub = { max_retries = 0 }
"""
    assert main(["explain-config", file(tmp_path, text)]) == 0
    said = capsys.readouterr().out
    assert "        # stub: Retry(max_retries=0, " in said
    assert "    require_tenant=True,\n    prices={'stub/x': Price(input=1" in said


@pytest.mark.parametrize("command", [["check"], ["explain-config"], ["doctor", "--offline"]])
def test_objects_of_the_working_folder_are_found(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `python -m` finds them; without the option, the error names it."""
    name = f"objects_of_{command[0].replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text("import ranvier\nclass Mine(ranvier.Layer):\n    pass\n")
    path = file(tmp_path, f'[resilient]\ntargets = ["stub"]\n[[layers]]\nimport = "{name}:Mine"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main([*command, path]) in (1, 2)
    assert "or --imports in a shell" in capsys.readouterr().err
    assert main([*command, "--imports", path]) == 0, capsys.readouterr()
