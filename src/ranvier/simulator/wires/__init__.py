"""The wires that the simulator speaks: a new one is a class here and a line in `WIRES`."""

from __future__ import annotations

from ranvier.errors import ConfigurationError
from ranvier.simulator.wires.anthropic import AnthropicWire
from ranvier.simulator.wires.gemini import GeminiWire
from ranvier.simulator.wires.glm import GLMWire
from ranvier.simulator.wires.kimi import KimiWire
from ranvier.simulator.wires.ollama import OllamaWire
from ranvier.simulator.wires.openai import OpenAIWire
from ranvier.simulator.wires.openrouter import OpenRouterWire
from ranvier.simulator.wires.reading import Sent, Unacceptable
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
    )
}


def wire_of(provider: str) -> Wire:
    """The wire of `provider`; what follows a dash is the provider's own: `"openai-eu"` speaks `"openai"`.

    Raises:
        ConfigurationError: No wire has that name.
    """
    wire = WIRES.get(provider.partition("-")[0])
    if wire is None:
        known = ", ".join(WIRES)
        raise ConfigurationError(
            f"provider={provider!r}: the simulator speaks {known}, and names like openai-eu"
        )
    return wire


__all__ = ["REASONS", "WIRES", "Sent", "Unacceptable", "Wire", "wire_of"]
