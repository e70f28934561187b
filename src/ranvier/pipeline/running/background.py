"""The background tasks of a pipeline."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING

from ranvier.pipeline.reporting.context import start_task

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Work


class Background:
    """The part of `Lifecycle` that runs background tasks.

    Attributes:
        cut_off: The tasks to cancel when the pipeline closes.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._background: dict[asyncio.Task[None], str] = {}  # with a name for the log
        self.cut_off: set[asyncio.Task[None]] = set()

    def in_background(
        self, work: Work, context: Context | None = None, name: str = "work", *, cut_off: bool = False
    ) -> asyncio.Task[None]:
        """Run `work` in a background task: see `Runtime.in_background`."""
        task = start_task(self.loop, work, context)
        self._background[task] = name
        if cut_off:
            self.cut_off.add(task)
        task.add_done_callback(self._ended_in_background, context=Context())
        return task

    def _ended_in_background(self, task: asyncio.Task[None]) -> None:
        self._background.pop(task, None)
        self.cut_off.discard(task)

    @property
    def background(self) -> dict[asyncio.Task[None], str]:
        """The background tasks, with their names."""
        return dict(self._background)
