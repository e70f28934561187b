"""Imports the modules that need LangChain; the error says what to install."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ranvier.errors.configuration import ConfigurationError


def module(name: str) -> ModuleType:
    """The module of that name in this package.

    Raises:
        ConfigurationError: LangChain is not installed.
    """
    try:
        return import_module(f"ranvier.integrations.langchain.{name}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != "langchain_core":
            raise
        raise ConfigurationError(
            "ranvier.integrations.langchain needs langchain-core: pip install 'ranvier[langchain]'"
        ) from missing
