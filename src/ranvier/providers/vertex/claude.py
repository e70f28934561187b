"""Claude at Vertex: Anthropic's Messages API, with the model in the path and the version in the body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.providers._models.models import Facts
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.repairs import Repairs
from ranvier.providers.anthropic.marks import mark_last_block
from ranvier.providers.anthropic.wire import Messages
from ranvier.providers.gemini.adapter import resource

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

VERSION = "vertex-2023-10-16"
"""The documented `anthropic_version` of these request and response formats."""


class ClaudeAtVertex(Messages):
    """The wire of Claude's models at Vertex.

    Args:
        server: The provider, which knows the project, its account and its models.
        below: The path below which the project finds its models.
        version: The `anthropic_version` of each request.
    """

    def __init__(self, server: Wire, below: str, version: str) -> None:
        self.name = server.name
        self.base_url = server.base_url
        self.repairs = Repairs()
        self._server = server
        self._below = below
        self._version = version

    def served_by(self, server: Wire) -> ClaudeAtVertex:
        """The same wire at another server."""
        return ClaudeAtVertex(server, self._below, self._version)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those of the provider, and of the vendor."""
        return self.family, self._server.family, self.name

    def base_url_for(self, key: str | None) -> str:
        """That of the provider."""
        return self._server.base_url_for(key)

    def account_for(self, key: str | None) -> str:
        """That of the provider."""
        return self._server.account_for(key)

    def facts(self, call: Call) -> Facts:
        """The target's entry in the table of models."""
        return self._server.facts(call)

    def path(self, model: str, streaming: bool) -> str:
        """The model and the method."""
        place = resource(model, "publishers/anthropic/models/")
        return f"/v1{self._below}/{place}:{'streamRawPredict' if streaming else 'rawPredict'}"

    def headers(self, key: str | None) -> dict[str, str]:
        """Those of the provider."""
        return self._server.headers(key)

    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of a message request.

        Raises:
            UnsupportedRequestError: there is no project; an API key without one is for Gemini only.
        """
        if not self._below:
            raise self.unsupported(call, "needs a project: give Vertex(project=...)")
        return super().body(call, settings, streaming)

    def finish(self, call: Call, fields: Json) -> None:
        """Put the version in place of the model, and the mark for the cache where this API takes it."""
        del fields["model"]
        fields.setdefault("anthropic_version", self._version)
        mark_last_block(fields)
