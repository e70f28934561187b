"""A request that is written already, in the JSON of one API: it is sent as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ranvier.messages.request import Request
from ranvier.providers._wire.fields import encoded

MAX_COUNTED: Final = 100_000
"""Characters of a longer text, such as a picture, that do not count in estimates."""


@dataclass(slots=True, kw_only=True)
class WrittenRequest(Request):
    """A request of an official SDK. Its messages are only an estimate of what it contains.

    Attributes:
        wire: The API that it is written for: `chat_completions`, `responses`, `anthropic` or `gemini`.
        content: The body, as it came.
        fields: The same, read.
        headers: The headers to send, without those of a connection and without keys.
        query: The query of its URL, without the version of the API and without keys.
        model: The model that it names.
        streamed: True if the answer is to be streamed.
        stays_at: The name of the only provider that may be asked, because it keeps what the request refers
            to; `None` if there is no such thing.
        rejections: The last reply of each target that was an error or a refusal, by `"provider/model"`.
    """

    wire: str
    content: bytes = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    query: str = ""
    model: str = ""
    streamed: bool = False
    stays_at: str | None = None
    rejections: dict[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def answers_whole(self) -> bool:  # type: ignore[override]  # because: here it depends on the request
        """True if nothing of the answer arrives before all of it."""
        return not self.streamed

    def content_for(self, model: str) -> bytes:
        """The body for a target with that model.

        Raises:
            ConfigurationError: it holds what cannot be written as JSON, such as `NaN`.
        """
        if model == self.model or "model" not in self.fields:
            return self.content
        return encoded({**self.fields, "model": model})


def texts(value: object) -> Iterator[str]:
    """The texts anywhere in a JSON value, without pictures and other data."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str) and len(each) <= MAX_COUNTED and not each.startswith("data:"):
            yield each
        elif isinstance(each, Mapping):
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
