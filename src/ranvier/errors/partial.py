"""Errors that carry what had arrived until then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ranvier.errors.provider import ProviderError
from ranvier.errors.root import RanvierError
from ranvier.errors.timed_out import TimedOutError

if TYPE_CHECKING:
    from ranvier.messages.response import Response


class DeadlineExceededError(TimedOutError):
    """The whole call is out of time.

    Attributes:
        received: What a stream had delivered until then, or `None`.
    """

    kind = "deadline_exceeded"

    def __init__(self, message: str, *, received: Response | None = None) -> None:
        super().__init__(message)
        self.received = received


class StreamInterruptedError(ProviderError):
    """The stream broke after it had been handed out; nothing is repeated silently.

    Attributes:
        received: What had arrived until then: text, tool calls, usage.
        reason: The kind of what broke it; the cause itself is `__cause__`.
    """

    kind = "stream_dropped"
    fails_over = False

    def __init__(
        self, message: str, *, received: Response | None = None, reason: str = "unknown", **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.received = received
        self.reason = reason


class LayerError(RanvierError):
    """A layer of the user's failed: its transform raised, or what it returned is no answer.

    No provider is to blame: nothing is retried, counted or asked elsewhere. What the layer raised itself
    is the `__cause__`.

    Attributes:
        layer: The name of the layer's class, or of the function that failed.
        received: What the reader of a stream had received until then.
    """

    kind = "layer"

    def __init__(self, message: str = "", layer: str = "", *, received: Response | None = None) -> None:
        super().__init__(f"the layer {layer} failed: {message}" if layer else message)
        self.layer = layer
        self.received = received
