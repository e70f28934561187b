"""Keeps a layer that several pipelines use in the fleet of one open pipeline at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ranvier.pipeline.sharing.fleet import Fleet, FleetUser
from ranvier.pipeline.sharing.single_worker import SINGLE_WORKER

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime


class Fleets(FleetUser):
    """Keeps one layer in a fleet while a pipeline that uses it is open.

    Args:
        join: Called with a pipeline when the layer joins its fleet.

    Attributes:
        current: The fleet of the layer.
    """

    def __init__(self, join: Callable[[Runtime], None]) -> None:
        self._join = join
        self._pipelines: WeakKeyDictionary[Runtime, None] = WeakKeyDictionary()
        self.current: Fleet = SINGLE_WORKER

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: the layer joins its fleet, unless it is still in another one."""
        self._pipelines[pipeline] = None
        if not self.current.live and pipeline.fleet is not self.current:
            self.current = pipeline.fleet
            self._join(pipeline)
            self.current.notify_at_end(self)

    def fleet_ended(self) -> None:
        """The pipeline of the fleet has closed: join the fleet of another one, on its event loop."""
        for pipeline in reversed(list(self._pipelines)):
            if pipeline.fleet.live:
                with contextlib.suppress(RuntimeError):  # its loop was closed just now
                    pipeline.loop.call_soon_threadsafe(self._go_on, pipeline)
                    return

    def _go_on(self, pipeline: Runtime) -> None:
        if pipeline.fleet.live:
            self.opened(pipeline)
        elif not self.current.live:
            self.fleet_ended()
