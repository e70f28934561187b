"""A streamed answer for code that cannot `await`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.response import ParsedT_co, Response, StreamEvent
from ranvier.pipeline.blocking.entered import Entered
from ranvier.pipeline.blocking.feed import Feed

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.facts.price import Prices
    from ranvier.facts.story import Story
    from ranvier.pipeline.streaming.pending import PendingStream
    from ranvier.pipeline.streaming.stream import ResponseStream

T = TypeVar("T")

_REMEDY = "write `with pipeline.sync.stream(...) as stream`"


class SyncStream(Generic[ParsedT_co]):
    """The events of one answer: `with pipeline.sync.stream("Why?") as answer: for event in answer`.

    Entering it waits for the first content, and fails as `complete` does. Without `with` it starts at the
    first read, and is closed at its end only. Attributes and errors are those of `ResponseStream`. Up to 64
    events are read ahead of a slow reader; `received` includes them.
    """

    def __init__(self, sync: Entered, pending: PendingStream[ParsedT_co]) -> None:
        self._feed: Feed[StreamEvent] | None = None
        self._begun = self._closed = False
        self._sync = sync
        self._pending = pending
        pending.used = True  # this object warns by itself if it is never read

    # --- reading ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> StreamEvent:
        if self._closed:
            raise StopIteration
        feed = self._feed or self._open()
        try:
            return feed.take()
        except ConfigurationError:  # cancelled: by `close` in another thread, or the loop has ended
            if self._closed:
                raise StopIteration from None
            raise

    def collect(self) -> Response[ParsedT_co]:
        """Read the stream to its end, and return the whole answer.

        Raises:
            RuntimeError: it was closed before its end.
            RanvierError: the errors of reading it.
        """
        for _ in self:
            pass
        response = self.response
        if response is None:
            raise RuntimeError("the stream was closed before its end: there is no whole response")
        return response

    def _open(self) -> Feed[StreamEvent]:
        """Start the stream, and wait for its first content."""
        if self._begun:
            raise RuntimeError("this stream has begun: call pipeline.sync.stream(...) once for each answer")
        self._begun = True
        portal = self._sync.enter()
        try:
            pending = self._pending
            feed = self._feed = Feed(lambda: pending, portal.loop)
            try:
                portal.submit(feed)
                feed.take()
            except BaseException:
                self._closed = True
                feed.cancel()
                feed.wait()
                raise
        finally:
            self._sync.leave(portal)
        return feed

    # --- closing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the stream: its connection is closed, and nothing is counted against the provider."""
        feed, self._closed = self._feed, True
        if feed is not None and not feed.done:
            feed.cancel()  # its task closes the stream
            feed.wait()

    def __del__(self) -> None:
        feed = self._feed
        if sys.is_finalizing():
            return
        if not self._begun:
            warnings.warn(
                f"pipeline.sync.stream(...) was never read: {_REMEDY}", RuntimeWarning, stacklevel=2
            )
        elif feed is not None and not (feed.done or self._closed):
            feed.cancel()
            warnings.warn(f"a stream was dropped before its end: {_REMEDY}", ResourceWarning, stacklevel=2)

    # --- what is known of it ---------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """True once the stream has ended, broken or been closed."""
        return self._of_stream(lambda stream: stream.ended)

    @property
    def empty(self) -> bool:
        """True once it has ended with an empty answer: see `Response.empty`."""
        return self._of_stream(lambda stream: stream.empty)

    @property
    def response(self) -> Response[ParsedT_co] | None:
        """The whole answer, once the stream has ended normally; `parsed` if a `schema` was given."""
        return self._of_stream(lambda stream: stream.response)

    @property
    def received(self) -> Response:
        """What has arrived so far, as a response; its finish reason is `None` until one arrives."""
        return self._of_stream(lambda stream: stream.received)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts of this call, oldest first; the last one is this stream."""
        return self._of_stream(lambda stream: stream.attempts)

    @property
    def reply(self) -> object:
        """The reply as it came, to the request of an SDK; else `None`."""
        return self._of_stream(lambda stream: stream.reply)

    @property
    def story(self) -> Story:
        """Where the seconds of the call went, including those in which the reader processed events."""
        return self._of_stream(lambda stream: stream.story)

    def explain(self, prices: Prices | None = None) -> str:
        """`story` as a few lines of text, without prompts or messages; `prices` as in `Story.explain`."""
        return self._of_stream(lambda stream: stream.explain(prices))

    def _of_stream(self, read: Callable[[ResponseStream[ParsedT_co]], T]) -> T:
        """Read something of the stream, on its loop as long as that adds to it."""
        feed = self._feed
        if feed is None or feed.source is None:
            raise RuntimeError("this stream has not begun: write `with pipeline.sync.stream(...) as stream`")
        stream: Any = feed.source
        if feed.done:
            return read(stream)

        async def there() -> T:
            return read(stream)

        return self._sync.run(there)
