"""The provider APIs that the simulator speaks: to add one, write a `Wire` class and list it in `WIRES`."""

from __future__ import annotations

from ranvier.errors import ConfigurationError
from ranvier.simulator.wires.anthropic import AnthropicWire
from ranvier.simulator.wires.azure import AzureWire, ResponsesAtAzureWire
from ranvier.simulator.wires.gemini import GeminiWire
from ranvier.simulator.wires.glm import GLMWire
from ranvier.simulator.wires.kimi import KimiWire
from ranvier.simulator.wires.ollama import OllamaWire
from ranvier.simulator.wires.openai import OpenAIWire
from ranvier.simulator.wires.openrouter import OpenRouterWire
from ranvier.simulator.wires.reading import Sent, Unacceptable
from ranvier.simulator.wires.responses import ResponsesWire
from ranvier.simulator.wires.vertex import ClaudeAtVertexWire, GeminiAtVertexWire
from ranvier.simulator.wires.wire import REASONS, Wire

WIRES: dict[str, Wire] = {
    wire.name: wire
    for wire in (
        AnthropicWire(),
        OpenAIWire(),
        GeminiWire(),
        KimiWire(),
        GLMWire(),
        OpenRouterWire(),
        OllamaWire(),
        GeminiAtVertexWire(),
        AzureWire(),
    )
}


_RESPONSES = ResponsesWire()
_RESPONSES_AT_AZURE = ResponsesAtAzureWire()
_CLAUDE = ClaudeAtVertexWire()


def wire_of(provider: str, path: str = "") -> Wire:
    """The wire of `provider`, named by the part before the first dash: `"openai-eu"` speaks `"openai"`.

    OpenAI, Azure and Vertex have two, told apart by the `path` of a request.

    Raises:
        ConfigurationError: There is no wire of that name.
    """
    wire = WIRES.get(provider.partition("-")[0])
    if wire is None:
        known = ", ".join(WIRES)
        raise ConfigurationError(
            f"provider={provider!r}: must be one of {known}, or such a name with a suffix, like openai-eu"
        )
    if wire.name == GeminiAtVertexWire.name:
        return _CLAUDE if "/publishers/anthropic/" in path else wire
    if wire.name == AzureWire.name:
        return _RESPONSES_AT_AZURE if path.endswith("/responses") else wire
    return _RESPONSES if wire.name == OpenAIWire.name and path.endswith("/v1/responses") else wire


__all__ = ["REASONS", "WIRES", "Sent", "Unacceptable", "Wire", "wire_of"]
