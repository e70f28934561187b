"""A module with a pipeline, for the doctor, and nobody's keys but ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ranvier.providers import ADAPTERS, adapter
from support.cli.patients import HEAD, SECRET

Write = Callable[..., str]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One key for each provider, no proxy, and nothing left of the modules that were loaded."""
    for name in filter(lambda name: adapter(name).environment, ADAPTERS):
        for variable in adapter(name).environment:
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(adapter(name).environment[0], SECRET)
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", sys.modules.copy())


@pytest.fixture
def write(tmp_path: Path, environment: None) -> Write:
    """Writes a module, and says how the doctor is told of the `pipeline` in it."""

    def written(source: str, name: str = "pipeline") -> str:
        path = tmp_path / "app.py"
        path.write_text(HEAD + source)
        return f"{path}:{name}"

    return written
