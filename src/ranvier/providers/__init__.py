"""Who answers: one adapter for each provider. They translate, and decide nothing.

An adapter is imported when it is first used, and the HTTP client with it, so that `import ranvier`
costs little. Its name is known before: `"openai/gpt-5.2"` is a target at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ranvier.pipeline.deployment import Provider, register
from ranvier.providers.function import FunctionProvider
from ranvier.providers.stub import Stub

if TYPE_CHECKING:
    from ranvier.providers.anthropic import Anthropic
    from ranvier.providers.gemini import Gemini
    from ranvier.providers.glm import GLM
    from ranvier.providers.kimi import Kimi
    from ranvier.providers.ollama import Ollama
    from ranvier.providers.openai import OpenAI
    from ranvier.providers.openrouter import OpenRouter

ADAPTERS = {
    "anthropic": "Anthropic",
    "openai": "OpenAI",
    "gemini": "Gemini",
    "kimi": "Kimi",
    "glm": "GLM",
    "openrouter": "OpenRouter",
    "ollama": "Ollama",
}
"""The class of each vendor's adapter, by the vendor's name, which is the name of its module too."""

names = {"stub", *ADAPTERS}
"""The names by which an `extra` may address one provider: those of vendors, and those that users gave."""

__all__ = [
    "GLM",
    "Anthropic",
    "FunctionProvider",
    "Gemini",
    "Kimi",
    "Ollama",
    "OpenAI",
    "OpenRouter",
    "Stub",
]


def adapter(vendor: str) -> Any:
    """The class of a vendor's adapter."""
    return getattr(import_module(f"ranvier.providers.{vendor}"), ADAPTERS[vendor])


if not TYPE_CHECKING:  # because a type checker would let any name pass

    def __getattr__(name: str) -> Any:
        for vendor, class_name in ADAPTERS.items():
            if class_name == name:
                return adapter(vendor)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _register(vendor: str) -> None:
    def make() -> Provider:
        provider: Provider = adapter(vendor)()
        return provider

    register(vendor, make)


register("stub", Stub)
for _vendor in ADAPTERS:
    _register(_vendor)
