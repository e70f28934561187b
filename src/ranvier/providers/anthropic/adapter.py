"""Anthropic's own API."""

from __future__ import annotations

from ranvier.providers._wire.adapter import Adapter
from ranvier.providers.anthropic.wire import VERSION, Messages


class Anthropic(Messages, Adapter):
    """Claude, by Anthropic's own API; an OAuth token (`sk-ant-oat...`) as key is sent as a bearer token."""

    environment = ("ANTHROPIC_API_KEY",)
    default_model = "claude-sonnet-5"
    default_base_url = "https://api.anthropic.com"

    def headers(self, key: str | None) -> dict[str, str]:
        """The key, in one of two headers, never in both."""
        headers = {"anthropic-version": VERSION}
        if key is not None and key.startswith("sk-ant-oat"):
            headers["authorization"] = f"Bearer {key}"
        elif key is not None:
            headers["x-api-key"] = key
        return headers
