"""What is said where LangChain is not installed."""

import sys
from importlib import import_module

import pytest

from ranvier import ConfigurationError, providers

LOADED = ("langchain_core", "ranvier.integrations.langchain")


@pytest.fixture(autouse=True)
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can import it, and nothing of ours has."""
    for name in [name for name in sys.modules if name.startswith(LOADED)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langchain_core", None)


def test_a_chat_model_says_what_to_install() -> None:
    """At its import, and not before."""
    package = import_module("ranvier.integrations.langchain")
    with pytest.raises(ConfigurationError, match=r"pip install 'ranvier\[langchain\]'"):
        _ = package.ChatRanvier


def test_from_langchain_says_what_to_install() -> None:
    """When it is called."""
    with pytest.raises(ConfigurationError, match=r"pip install 'ranvier\[langchain\]'"):
        providers.from_langchain(object())
