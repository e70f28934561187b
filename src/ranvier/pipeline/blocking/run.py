"""A run over many prompts for code that cannot `await`."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.response import ParsedT_co
from ranvier.pipeline.blocking.entered import Entered
from ranvier.pipeline.blocking.feed import Feed
from ranvier.pipeline.mapping.run import stopped_error

if TYPE_CHECKING:
    from ranvier.pipeline.mapping.progress import Progress
    from ranvier.pipeline.mapping.result import Result
    from ranvier.pipeline.mapping.run import Run


class SyncRun(Generic[ParsedT_co]):
    """The results of `pipeline.sync.map`: read them with `for`, or all at once with `collect`.

    It starts at the first read. An unfinished run stops at `close`, at the end of its `with` block, or when
    it is garbage collected.
    """

    def __init__(self, sync: Entered, run: Run[ParsedT_co]) -> None:
        self._feed: Feed[Result[ParsedT_co]] | None = None
        self._closed = False
        self._beginning = threading.Lock()
        self._sync = sync
        self._run = run

    @property
    def progress(self) -> Progress:
        """The progress of the run."""
        return self._run.progress

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Result[ParsedT_co]:
        if self._closed:
            raise StopIteration
        feed = self._feed
        if feed is None:
            # Only one of the threads that share a run starts it, and none after `close`.
            with self._beginning:
                if self._closed:
                    raise StopIteration
                feed = self._feed = self._feed or self._begin()
        try:
            return feed.take()
        except ConfigurationError:  # cancelled: by `close` in another thread, or the loop has ended
            if self._closed:
                raise StopIteration from None
            raise

    def _begin(self) -> Feed[Result[ParsedT_co]]:
        portal = self._sync.enter()
        try:
            run = self._run
            feed: Feed[Result[ParsedT_co]] = Feed(lambda: run, portal.loop)
            try:
                portal.submit(feed)
                feed.take()  # it is open
            except BaseException:
                self._closed = True
                feed.cancel()
                feed.wait()
                raise
        finally:
            self._sync.leave(portal)
        return feed

    def collect(self) -> list[Result[ParsedT_co]]:
        """All results, in the order of the prompts, or in order of completion with `in_order=False`.

        Raises:
            RuntimeError: another thread has closed the run, so some results are missing.
        """
        with self:
            results = list(self)
            if self._closed:
                raise stopped_error()
            return results

    def close(self) -> None:
        """Stop: calls in flight are cancelled."""
        with self._beginning:
            feed, self._closed = self._feed, True
        if feed is not None and not feed.done:
            feed.cancel()
            feed.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._feed is not None and not self._feed.done and not sys.is_finalizing():
            self._feed.cancel()
