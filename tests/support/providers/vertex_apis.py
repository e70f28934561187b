"""Vertex by each of its two APIs, with a token where the other providers have a key."""

from typing import Any

from ranvier.providers import Vertex


class GeminiAtVertex(Vertex):
    """By Gemini's API."""

    def __init__(self, api_key: str | None = None, *, name: str = "vertex", **given: Any) -> None:
        async def token() -> str:
            return api_key or "<key>"

        super().__init__("acme-prod", token=token, name=name, **given)


class ClaudeAtVertex(GeminiAtVertex):
    """By Anthropic's API, under a name of its own."""

    default_model = "claude-sonnet-5"

    def __init__(self, api_key: str | None = None, *, name: str = "vertex-claude", **given: Any) -> None:
        super().__init__(api_key, name=name, **given)


AT_VERTEX: dict[str, Any] = {"vertex": GeminiAtVertex, "vertex-claude": ClaudeAtVertex}
"""The adapters by name."""

SPEAKS = {"vertex": "gemini", "vertex-claude": "anthropic"}
"""The vendor whose wire each of them speaks."""
