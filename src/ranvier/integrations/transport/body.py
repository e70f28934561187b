"""The body of an answer, with the provider's original bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ranvier.errors.partial import LayerError
from ranvier.errors.provider import ConnectionFailedError
from ranvier.integrations.transport.refusals import event_of
from ranvier.messages.native import RESPONSES
from ranvier.providers._wire.verbatim import VerbatimReply

if TYPE_CHECKING:
    from ranvier.errors.root import RanvierError
    from ranvier.integrations.transport.owners import Owners
    from ranvier.providers._wire.written_request import WrittenRequest

ENDS_OF_EVENTS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
MAX_END: Final = 3
"""Bytes of the longest of them that may have arrived before the rest of it."""


class Body:
    """The bytes of an answer, whole or as they arrive.

    A stream is passed on in whole events, so that it never ends within one: after a failure, the last event
    is the wire's error event.

    Args:
        stream: The stream of the call, already started: a `ResponseStream`, or a `SyncStream`.

    Raises:
        LayerError: the answer does not come from a provider.

    Attributes:
        stream: The stream of the call.
        reply: The reply of the provider.
    """

    def __init__(self, stream: Any, written: WrittenRequest, owners: Owners) -> None:
        reply = stream.reply
        if not isinstance(reply, VerbatimReply):
            raise LayerError("a layer answered instead of the provider, and not in the words of its API")
        self.stream = stream
        self.reply = reply
        self._written = written
        self._owners = owners
        self._left = bytearray()  # the start of the next event

    def arrived(self) -> bytes:
        """The whole events that have arrived since the last call."""
        searched = max(0, len(self._left) - MAX_END)  # only new bytes are searched: an event may be long
        self._left += self.reply.take()
        found = ((self._left.rfind(mark, searched), mark) for mark in ENDS_OF_EVENTS)
        end = max(at + len(mark) if at >= 0 else 0 for at, mark in found)
        events = bytes(self._left[:end])
        del self._left[:end]
        return events

    def rest(self) -> bytes:
        """The remaining bytes of an answer that has ended; all bytes if it was not streamed."""
        response = self.stream.response
        if response is None:  # the client was closed meanwhile: that is no end of an answer
            provider = self.stream.received.provider
            return self.failure(ConnectionFailedError("the client was closed", provider=provider))
        if self._written.wire == RESPONSES and self._written.fields.get("store") is not False:
            self._owners.keep(response)
        return self._remaining()

    def failure(self, error: RanvierError) -> bytes:
        """The last event of a stream that has failed; the rest of a refusal, which has its own end."""
        return self._remaining() if self.reply.refused else event_of(self._written.wire, error)

    def _remaining(self) -> bytes:
        return bytes(self._left) + self.reply.take()
