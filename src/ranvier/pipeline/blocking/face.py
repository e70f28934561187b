"""A pipeline for code that cannot `await`."""

from __future__ import annotations

import asyncio
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.build import Prompt
from ranvier.messages.request import Options
from ranvier.messages.response import ParsedT, Response
from ranvier.pipeline.blocking.circuits import SyncCircuits
from ranvier.pipeline.blocking.portal import GRACE, Portal
from ranvier.pipeline.blocking.processes import follow
from ranvier.pipeline.blocking.stream import SyncStream
from ranvier.pipeline.running.elsewhere import closed_error
from ranvier.remedies import reports_missing_prompt

if TYPE_CHECKING:
    from ranvier.pipeline.blocking.askable import Askable
    from ranvier.pipeline.streaming.restarting import OnBreak

T = TypeVar("T")


class SyncPipeline:
    """The methods of a pipeline without `await`, for any number of threads: `pipeline.sync.complete("Why?")`.

    The first call starts a thread with an event loop of its own, and opens the pipeline there. The pipeline
    then belongs to that loop until `close`, the end of the process, or until nothing refers to the pipeline
    any more. A process that is forked starts anew, with new connections.

    A call runs in a copy of the caller's context: `with tenant(...)` and `with deadline(...)` apply. What a
    signal handler raises while a thread waits, such as the `KeyboardInterrupt` of Ctrl-C, cancels its call.
    """

    def __init__(self, pipeline: Askable) -> None:
        self._pipeline = pipeline
        self._portal: Portal | None = None
        self._closed = self._closing = self._warned = False
        self._changed = threading.Condition()  # guards all of these, and `users` of the portal
        follow(self)

    def start_anew(self) -> None:
        """Forget the portal of the parent process, of which this process was forked."""
        portal, self._portal, self._closing = self._portal, None, False
        self._changed = threading.Condition()  # a thread of the parent may hold the other one
        self._pipeline.lifecycle.forked()
        if portal is not None:
            portal.lose()

    # --- calls -----------------------------------------------------------------------------------

    @reports_missing_prompt
    def complete(
        self,
        prompt: Prompt,
        *,
        to: str | None = None,
        tenant: str | None = None,
        deadline: float | None = None,
        hedge: bool | None = None,
        **options: Unpack[Options[ParsedT]],
    ) -> Response[ParsedT]:
        """The whole answer to `prompt`; arguments and errors are those of `Pipeline.complete`."""
        ask = self._pipeline.complete
        return self.run(lambda: ask(prompt, to=to, tenant=tenant, deadline=deadline, hedge=hedge, **options))

    @reports_missing_prompt
    def stream(
        self,
        prompt: Prompt,
        *,
        to: str | None = None,
        tenant: str | None = None,
        deadline: float | None = None,
        hedge: bool | None = None,
        on_break: OnBreak = "raise",
        **options: Unpack[Options[ParsedT]],
    ) -> SyncStream[ParsedT]:
        """The answer as events: `with pipeline.sync.stream("Why?") as answer: for event in answer`.

        Arguments and errors are those of `Pipeline.stream`.
        """
        ask = self._pipeline.stream
        pending = self._call(
            lambda: ask(
                prompt, to=to, tenant=tenant, deadline=deadline, hedge=hedge, on_break=on_break, **options
            )
        )
        return SyncStream(self, pending)

    @property
    def circuits(self) -> SyncCircuits:
        """The circuits of the stack's breaker, by (tenant, provider).

        Raises:
            ConfigurationError: the stack has no breaker.
        """
        return SyncCircuits(self, self._pipeline.circuits)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Call an async function on the loop of the pipeline, and wait for its result.

        Layers, credentials and providers belong to that loop: call their methods in such a function.

        Raises:
            ConfigurationError: the pipeline is closed, or this is the thread of its loop.
        """
        portal = self.enter()
        try:
            return portal.run(work())
        finally:
            self.leave(portal)

    def _call(self, function: Callable[[], T]) -> T:
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
        """This thread uses the portal no more."""
        with self._changed:
            portal.users -= 1
            if self._closing and not portal.users:
                self._changed.notify_all()

    def _started(self) -> Portal:
        if self._portal is not None and self._portal.ended:  # foreign code has ended its loop
            self._portal.stop()
            self._portal = None
        if self._portal is None:
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
        """Close the pipeline as `Pipeline.aclose` does, and end its thread; further calls are rejected.

        It closes only what `pipeline.sync` has opened. Threads that still wait get an error.
        """
        validation.seconds("drain", drain)
        self._check_thread(3)
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._closing)
            portal = self._portal
            if portal is None:
                return
            self._closing = True
        try:
            if portal.opened and not portal.ended:
                portal.run(self._pipeline.aclose(drain))
        finally:
            self._end(portal)

    def _end(self, portal: Portal) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not portal.users, GRACE)
        portal.stop()
        with self._changed:
            self._portal, self._closing = None, False
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self._check_thread(3)
        with self._changed:
            self._changed.wait_for(lambda: not self._closing)
            portal = self._started()
            portal.run(self._pipeline.__aenter__())
            portal.opened, self._closed = True, False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        portal = getattr(self, "_portal", None)
        if portal is not None and portal.opened and not portal.ended and not sys.is_finalizing():
            portal.close_later(self._pipeline.aclose())

    def __repr__(self) -> str:
        return f"{self._pipeline!r}.sync"


def _in_notebook() -> bool:
    """True in IPython and Jupyter, whose cells run in a running loop."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
