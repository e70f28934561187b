"""The event loop of `pipeline.sync`: started at the first call, ended by `close`."""

from __future__ import annotations

import asyncio
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.blocking.portal import GRACE, Portal
from ranvier.pipeline.blocking.processes import follow
from ranvier.pipeline.running.elsewhere import closed_error

if TYPE_CHECKING:
    from ranvier.pipeline.blocking.askable import Askable

T = TypeVar("T")


class OwnLoop:
    """Opens a pipeline on a loop in a thread of its own, for as long as other threads use it."""

    def __init__(self, pipeline: Askable) -> None:
        self._pipeline = pipeline
        self._portal: Portal | None = None
        self._closed = self._closing = self._warned = False
        self._changed = threading.Condition()  # guards all attributes, and `users` of the portal
        follow(self)

    def start_anew(self) -> None:
        """Forget the portal, which belongs to the parent of this forked process."""
        portal, self._portal, self._closing = self._portal, None, False
        self._changed = threading.Condition()  # a thread of the parent may hold the old one
        self._pipeline.lifecycle.forked()
        if portal is not None:
            portal.lose()

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See `SyncPipeline.run`."""
        portal = self.enter()
        try:
            return portal.run(work())
        finally:
            self.leave(portal)

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` in this thread while the pipeline is open."""
        portal = self.enter()
        try:
            return function()
        finally:
            self.leave(portal)

    # --- the portal ------------------------------------------------------------------------------

    def enter(self) -> Portal:
        """The portal, on which the pipeline is open until `leave`.

        Raises:
            ConfigurationError: the pipeline is closed, or this is the thread of its loop.
        """
        self._check_thread(5)
        with self._changed:
            if self._closed:
                raise closed_error()
            portal = self._started()
            if not portal.opened:
                portal.run(self._pipeline.open_here())
                portal.opened = True
            portal.users += 1
        return portal

    def leave(self, portal: Portal) -> None:
        """This thread does not use the portal any more."""
        with self._changed:
            portal.users -= 1
            if self._closing and not portal.users:
                self._changed.notify_all()

    def _started(self) -> Portal:
        if self._portal is not None and self._portal.ended:  # foreign code has ended its loop
            self._portal.stop()
            self._portal = None
        if self._portal is None:
            _check_threads()
            self._portal = Portal()
        return self._portal

    def _check_thread(self, depth: int) -> None:
        """Reject the thread of the loop, and warn of another loop; `depth` is the caller's distance."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        portal = self._portal
        if portal is not None and portal.is_current:
            raise ConfigurationError(
                "pipeline.sync was used in the thread of its own event loop, which would wait for itself: "
                "in an async listener, resolver, tool or layer, await pipeline.complete(...)"
            )
        if not self._warned and not _in_notebook():
            self._warned = True
            warnings.warn(
                "pipeline.sync blocks the event loop that runs in this thread: await the complete(...) of "
                "another pipeline there",
                RuntimeWarning,
                stacklevel=depth,
            )

    # --- opening and closing ---------------------------------------------------------------------

    def close(self, drain: float = 0.0) -> None:
        """See `SyncPipeline.close`."""
        validation.seconds("drain", drain)
        self._check_thread(4)
        portal = None
        try:
            with self._changed:
                self._closed = True
                self._changed.wait_for(lambda: not self._closing)
                portal = self._portal
                self._closing = portal is not None
            if portal is not None and portal.opened and not portal.ended:
                portal.run(self._pipeline.aclose(drain))
        finally:
            if portal is not None:
                self._end(portal)

    def _end(self, portal: Portal) -> None:
        """End the portal even if Ctrl-C interrupts the wait; otherwise the next `close` would hang."""
        try:
            with self._changed:
                self._changed.wait_for(lambda: not portal.users, GRACE)
        finally:
            try:
                portal.stop()
            finally:
                with self._changed:
                    self._portal, self._closing = None, False
                    self._changed.notify_all()

    def open(self) -> None:
        """Open the pipeline, even if it is closed."""
        self._check_thread(4)
        with self._changed:
            self._changed.wait_for(lambda: not self._closing)
            portal = self._started()
            portal.run(self._pipeline.__aenter__())
            portal.opened, self._closed = True, False

    def __del__(self) -> None:
        portal = getattr(self, "_portal", None)
        if portal is not None and not sys.is_finalizing():
            portal.end_later(self._pipeline.aclose() if portal.opened else None)


def _in_notebook() -> bool:
    """True in IPython and Jupyter, whose cells run in a running loop."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def _check_threads() -> None:
    """Raise a `ConfigurationError` under gevent or eventlet, where an event loop would block all threads."""
    monkey: Any = sys.modules.get("gevent.monkey") or sys.modules.get("eventlet.patcher")
    patched = getattr(monkey, "is_module_patched", None) or getattr(monkey, "is_monkey_patched", None)
    if patched is not None and patched("threading" if "gevent" in monkey.__name__ else "thread"):
        raise ConfigurationError(
            "pipeline.sync needs threads, which gevent or eventlet have replaced: "
            "use workers with threads or processes"
        )
