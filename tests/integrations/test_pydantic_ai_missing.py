"""Where pydantic-ai is not installed, its first use says what to install; nothing before needs it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

from ranvier import ConfigurationError
from ranvier.providers import from_pydantic_ai


@pytest.fixture
def _missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not there."""
    for name in [each for each in sys.modules if each.startswith("ranvier.integrations.pydantic_ai")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)


@pytest.mark.usefixtures("_missing")
def test_the_first_use_says_what_to_install() -> None:
    """Of either of the two."""
    with pytest.raises(ConfigurationError, match=r"pydantic_ai: pip install 'ranvier\[pydantic-ai\]'"):
        import_module("ranvier.integrations.pydantic_ai")
    with pytest.raises(ConfigurationError, match=r"pip install 'ranvier\[pydantic-ai\]'"):
        from_pydantic_ai(object())  # type: ignore[arg-type]


@pytest.mark.usefixtures("_missing")
def test_a_release_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without what we import."""
    monkeypatch.setitem(sys.modules, "pydantic_ai", ModuleType("pydantic_ai"))
    for name in [each for each in sys.modules if each.startswith("pydantic_ai.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigurationError, match=r"2\.68 or later .*pip install -U 'ranvier\[pydantic-ai\]'"):
        from_pydantic_ai(object())  # type: ignore[arg-type]


def test_nothing_of_it_is_loaded_before() -> None:
    """Neither by the package, nor by its providers and integrations."""
    code = "import sys, ranvier.providers, ranvier.integrations; print('pydantic_ai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
