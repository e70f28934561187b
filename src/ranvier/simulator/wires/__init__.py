"""The wires that the simulator speaks: a new one is a class here and a line in `WIRES`."""

from __future__ import annotations

from ranvier.errors import ConfigurationError
from ranvier.simulator.wires.anthropic import AnthropicWire
from ranvier.simulator.wires.ollama import OllamaWire
from ranvier.simulator.wires.openai import OpenAIWire
from ranvier.simulator.wires.reading import Unacceptable
from ranvier.simulator.wires.wire import REASONS, Wire

WIRES: dict[str, Wire] = {wire.name: wire for wire in (AnthropicWire(), OpenAIWire(), OllamaWire())}


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


__all__ = ["REASONS", "WIRES", "Unacceptable", "Wire", "wire_of"]
