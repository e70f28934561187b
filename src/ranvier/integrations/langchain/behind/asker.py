"""The interface of the LangChain provider for the code that writes its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ranvier.errors.provider import UnsupportedRequestError
    from ranvier.pipeline.call import Call


class Asker(Protocol):
    """The provider that asks a chat model.

    Attributes:
        name: Its name.
        chat_model: The chat model.
        vendor: The chat model's name for its vendor in traces.
        wire: The `provider` of the opaque parts of its answers, which only this provider gets back.
    """

    name: str
    chat_model: Any
    vendor: str
    wire: str

    def unsupported(self, call: Call, reason: str) -> UnsupportedRequestError:
        """The error for something that the chat model does not support; the call falls back."""
