"""Gemini's own API."""

from __future__ import annotations

from urllib.parse import quote

from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._wire.adapter import Adapter
from ranvier.providers.gemini.wire import GenerateContent


class Gemini(GenerateContent, Adapter):
    """Gemini by Google's developer API; `Vertex` serves it with the projects of Google Cloud."""

    environment = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    default_model = "gemini-3.6-flash"
    default_base_url = "https://generativelanguage.googleapis.com/v1beta"

    def path(self, model: str, streaming: bool) -> str:
        """The model and the method."""
        return f"/{resource(model, 'models/')}{method(streaming)}"

    def headers(self, key: str | None) -> dict[str, str]:
        """The key, in its own header and never in the URL, which is logged everywhere."""
        return {} if key is None else {"x-goog-api-key": key}


def resource(model: str, collection: str) -> str:
    """The path of a model: in `collection`, unless its id is a path itself, such as `tunedModels/mine`.

    Raises:
        ConfigurationError: it would leave the API.
    """
    if ".." in model.split("/"):
        raise ConfigurationError(f"model={model!r}: a model id must not contain '..'")
    return quote(model if "/" in model else f"{collection}{model}", safe="/@")


def method(streaming: bool) -> str:
    """The end of the path; without `alt=sse` a stream would be one long JSON array."""
    return ":streamGenerateContent?alt=sse" if streaming else ":generateContent"
