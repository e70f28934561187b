"""Who answers: one adapter for each provider. They translate, and decide nothing.

An adapter is imported when it is first used, and the HTTP client with it, so that `import ranvier`
costs little. Its name is known before: `"openai/gpt-5.2"` is a target at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ranvier.pipeline.deployment import Provider
from ranvier.pipeline.registry import register
from ranvier.providers.function import FunctionProvider
from ranvier.providers.stub import Stub

if TYPE_CHECKING:
    from ranvier.providers.anthropic.adapter import Anthropic
    from ranvier.providers.chat_completions.glm import GLM
    from ranvier.providers.chat_completions.kimi import Kimi
    from ranvier.providers.chat_completions.openai import OpenAI
    from ranvier.providers.chat_completions.openrouter import OpenRouter
    from ranvier.providers.gemini.adapter import Gemini
    from ranvier.providers.ollama.adapter import Ollama

ADAPTERS = {
    "anthropic": ("ranvier.providers.anthropic.adapter", "Anthropic"),
    "openai": ("ranvier.providers.chat_completions.openai", "OpenAI"),
    "gemini": ("ranvier.providers.gemini.adapter", "Gemini"),
    "kimi": ("ranvier.providers.chat_completions.kimi", "Kimi"),
    "glm": ("ranvier.providers.chat_completions.glm", "GLM"),
    "openrouter": ("ranvier.providers.chat_completions.openrouter", "OpenRouter"),
    "ollama": ("ranvier.providers.ollama.adapter", "Ollama"),
}
"""The module and the class of each vendor's adapter, by the vendor's name."""

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
    module, class_name = ADAPTERS[vendor]
    return getattr(import_module(module), class_name)


def __getattr__(name: str) -> Any:
    for vendor, (_, class_name) in ADAPTERS.items():
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
