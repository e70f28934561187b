"""Errors that hold the part of the answer received before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ranvier.errors.provider import ProviderError
from ranvier.errors.root import RanvierError
from ranvier.errors.timed_out import TimedOutError

if TYPE_CHECKING:
    from ranvier.messages.response import Response


class DeadlineExceededError(TimedOutError):
    """The deadline of the call has passed.

    Attributes:
        received: What your code had received of the stream; `None` if it was not reading one.
    """

    kind = "deadline_exceeded"

    def __init__(self, message: str, *, received: Response | None = None) -> None:
        super().__init__(message)
        self.received = received


class StreamInterruptedError(ProviderError):
    """The stream broke after its first content had reached your code, so the call is not repeated.

    Attributes:
        received: The part of the answer that had arrived: text, tool calls, usage.
        reason: The `kind` of the error that broke the stream; that error is the `__cause__`.
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
    """A custom layer failed: its stream transform raised, or it returned something that is not an answer.

    No provider is at fault: there is no retry and no fallback, and no circuit counts it. If the layer
    raised an error, that is the `__cause__`.

    Attributes:
        layer: The name of the layer's class, or of the function that failed.
        received: What your code had received of the stream; `None` if it was not reading one.
    """

    kind = "layer"

    def __init__(self, message: str = "", layer: str = "", *, received: Response | None = None) -> None:
        super().__init__(f"the layer {layer} failed: {message}" if layer else message)
        self.layer = layer
        self.received = received
