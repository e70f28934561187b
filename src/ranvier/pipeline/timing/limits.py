"""The limits of one attempt."""

from __future__ import annotations


class Limits:
    """How long one attempt may take, in seconds; `None` means no limit.

    Attributes:
        seconds: The whole attempt, without the time in which the reader processes events.
        connect: Until the connection is established.
        first_token: Until the first content.
        idle: The longest silence after the first content; any byte restarts it.
        stream_complete: Use a stream for `complete()` if `first_token` or `idle` is set.
        over_stream: True if `complete()` uses a stream, so that silence is detected.
    """

    __slots__ = ("connect", "first_token", "idle", "over_stream", "seconds", "stream_complete")

    def __init__(
        self,
        seconds: float | None = None,
        connect: float | None = None,
        first_token: float | None = None,
        idle: float | None = None,
        stream_complete: bool = True,
    ) -> None:
        self.seconds = seconds
        self.connect = connect
        self.first_token = first_token
        self.idle = idle
        self.stream_complete = stream_complete
        self.over_stream = stream_complete and (first_token is not None or idle is not None)

    @property
    def of_whole_answer(self) -> Limits:
        """The limits for an answer that arrives all at once, without a stream."""
        return Limits(self.seconds, self.connect)


UNLIMITED = Limits()


SLOT_WAIT = 10.0
"""The longest wait for a connection slot, in seconds, if the attempt has no `connect` limit."""


def slot_wait(limits: Limits) -> float:
    """The longest wait for a connection slot, in seconds, of an attempt with `limits`."""
    return SLOT_WAIT if limits.connect is None else limits.connect
