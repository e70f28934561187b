"""How long one attempt may take."""

from __future__ import annotations


class Limits:
    """How long one attempt may take, in seconds; `None` is without limit.

    Attributes:
        seconds: The whole attempt, the consumer's own time not counted.
        connect: Until the connection stands.
        first_token: Until the first content.
        idle: Between two signs of life, from the first content on.
        stream_complete: Carry `complete()` over a stream where `first_token` or `idle` is set.
        over_stream: It is so: a whole answer should travel over a stream, so that silence is noticed.
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


UNLIMITED = Limits()


SLOT_WAIT = 10.0
"""Seconds to wait for a connection slot at most, where the attempt has no `connect` limit."""


def slot_wait(limits: Limits) -> float:
    """Seconds that an attempt within `limits` waits for a connection slot at most."""
    return SLOT_WAIT if limits.connect is None else limits.connect
