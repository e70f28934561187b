"""Provider adapters, one per API. They only translate; the layers make the decisions.

An adapter and its HTTP client are imported on first use, so `import ranvier` stays cheap. Names are
registered up front: `"openai/gpt-5.2"` is a valid target before its adapter is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ranvier.pipeline.deployment import Provider
from ranvier.pipeline.registry import register
from ranvier.providers.function import FunctionProvider
from ranvier.providers.stub import Stub

if TYPE_CHECKING:
    from ranvier.integrations.langchain.wrapped import from_langchain
    from ranvier.providers.anthropic.adapter import Anthropic
    from ranvier.providers.azure.adapter import Azure
    from ranvier.providers.bedrock.adapter import Bedrock
    from ranvier.providers.chat_completions.glm import GLM
    from ranvier.providers.chat_completions.kimi import Kimi
    from ranvier.providers.chat_completions.openai import OpenAI
    from ranvier.providers.chat_completions.openrouter import OpenRouter
    from ranvier.providers.gemini.adapter import Gemini
    from ranvier.providers.ollama.adapter import Ollama
    from ranvier.providers.pydantic_ai_models import from_pydantic_ai
    from ranvier.providers.sdk.clients import from_anthropic, from_genai, from_openai
    from ranvier.providers.vertex.adapter import Vertex

ADAPTERS = {
    "anthropic": "Anthropic",
    "openai": "OpenAI",
    "gemini": "Gemini",
    "kimi": "Kimi",
    "glm": "GLM",
    "openrouter": "OpenRouter",
    "ollama": "Ollama",
    "vertex": "Vertex",
    "azure": "Azure",
    "bedrock": "Bedrock",
}
"""The adapter class of each vendor."""

_MODULES = {
    "anthropic": "anthropic.adapter",
    "openai": "chat_completions.openai",
    "gemini": "gemini.adapter",
    "kimi": "chat_completions.kimi",
    "glm": "chat_completions.glm",
    "openrouter": "chat_completions.openrouter",
    "ollama": "ollama.adapter",
    "vertex": "vertex.adapter",
    "azure": "azure.adapter",
    "bedrock": "bedrock.adapter",
}
"""The module that defines each adapter class."""

_FUNCTIONS = {
    "from_anthropic": "ranvier.providers.sdk.clients",
    "from_genai": "ranvier.providers.sdk.clients",
    "from_langchain": "ranvier.integrations.langchain.wrapped",
    "from_openai": "ranvier.providers.sdk.clients",
    "from_pydantic_ai": "ranvier.providers.pydantic_ai_models",
}
"""The module of each function that makes a provider of what another library has."""

__all__ = [
    "GLM",
    "Anthropic",
    "Azure",
    "Bedrock",
    "FunctionProvider",
    "Gemini",
    "Kimi",
    "Ollama",
    "OpenAI",
    "OpenRouter",
    "Stub",
    "Vertex",
    "from_anthropic",
    "from_genai",
    "from_langchain",
    "from_openai",
    "from_pydantic_ai",
]


def adapter(vendor: str) -> Any:
    """The adapter class of `vendor`, imported on first use."""
    return getattr(import_module(f"ranvier.providers.{_MODULES[vendor]}"), ADAPTERS[vendor])


if not TYPE_CHECKING:  # because a type checker would then accept any name

    def __getattr__(name: str) -> Any:
        for vendor, class_name in ADAPTERS.items():
            if class_name == name:
                return adapter(vendor)
        if name in _FUNCTIONS:
            return getattr(import_module(_FUNCTIONS[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _register(vendor: str) -> None:
    def make() -> Provider:
        provider: Provider = adapter(vendor)()
        return provider

    register(vendor, make)


register("stub", Stub)
for _vendor in ADAPTERS:
    _register(_vendor)
