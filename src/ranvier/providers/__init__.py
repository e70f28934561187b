"""Who answers: one adapter for each provider. They translate, and decide nothing."""

from ranvier.providers.anthropic import Anthropic
from ranvier.providers.function import FunctionProvider
from ranvier.providers.ollama import Ollama
from ranvier.providers.openai import OpenAI
from ranvier.providers.stub import Stub

__all__ = ["Anthropic", "FunctionProvider", "Ollama", "OpenAI", "Stub"]
