"""Reloads a pipeline when its file has changed, or at a SIGHUP."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import weakref
from collections.abc import Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ranvier.config.source import PathOrDict, path_of
from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ranvier.pipeline.pipeline import Pipeline

logger = logging.getLogger("ranvier.reload")

POLLED_EVERY = 2.0
"""Seconds between two checks of the file."""

FileState = tuple[int, int, int] | None
"""The modification time, size and inode of a file, one of which changes with it; `None` without a file."""


class Watch:
    """Watches the file of a pipeline.

    A changed file is read once two checks find the same state, because a partially written file may be valid
    but incomplete.

    Args:
        config: The path of the file.
        changes: Reload when the file has changed.
        sighup: Reload at a SIGHUP.
    """

    def __init__(self, config: PathOrDict, *, changes: bool, sighup: bool) -> None:
        if isinstance(config, Mapping):
            raise ConfigurationError("from_config(watch, sighup): a dict cannot be watched: name a file")
        if sighup and not hasattr(signal, "SIGHUP"):
            raise ConfigurationError("from_config(sighup=True): this system has no SIGHUP: write watch=True")
        self._path: str | None = path_of(config)
        self._changes, self._sighup = changes, sighup
        self._read = self._look()  # the state of the file of the stack in use

    async def run(self, known: weakref.ref[Pipeline]) -> None:
        """Watch until the pipeline is closed or nobody has it any more."""
        requested = asyncio.Event()
        with _at_sighup(requested) if self._sighup else nullcontext():
            before = self._read
            while known() is not None:
                signalled = await _wait(requested, POLLED_EVERY)
                self._follow(known())
                now = self._look()
                if signalled or (self._changes and now == before and now != self._read):
                    self._read = now
                    await self._reload(known())
                before = now

    async def _reload(self, pipeline: Pipeline | None) -> None:
        if pipeline is not None:
            with suppress(ConfigurationError):  # which is an event, and in the log
                await pipeline.reload()

    def _follow(self, pipeline: Pipeline | None) -> None:
        """Watch what the pipeline was reloaded from last; of a dict there is nothing to see."""
        config = self._path if pipeline is None else pipeline.origin.config
        path = None if isinstance(config, Mapping) else path_of(config)
        if path != self._path:
            self._path, self._read = path, None  # it may have changed since: it is read once more

    def _look(self) -> FileState:
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


async def _wait(requested: asyncio.Event, seconds: float) -> bool:
    """Wait for `seconds`, or until `requested` is set; true if it was set."""
    try:
        await asyncio.wait_for(requested.wait(), seconds)
    except TimeoutError:
        return False
    requested.clear()
    return True


# --- signals -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _SignalHandler:
    """The single SIGHUP handler of a loop, for all its pipelines.

    Attributes:
        before: The handler before this one, which is restored at the end.
        events: The events to set at a SIGHUP.
    """

    before: Any
    events: set[asyncio.Event] = field(default_factory=set)

    def notify(self) -> None:
        """Set all events."""
        for event in self.events:
            event.set()

    def end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Restore the previous handler."""
        with suppress(NotImplementedError, RuntimeError, ValueError):
            if loop.remove_signal_handler(signal.SIGHUP) and self.before is not None:
                signal.signal(signal.SIGHUP, self.before)


_handlers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _SignalHandler] = weakref.WeakKeyDictionary()


@contextmanager
def _at_sighup(requested: asyncio.Event) -> Iterator[None]:
    """Set `requested` at each SIGHUP."""
    loop = asyncio.get_running_loop()
    handler = _handlers.get(loop)
    if handler is None:
        handler = _handlers[loop] = _SignalHandler(signal.getsignal(signal.SIGHUP))
    handler.events.add(requested)
    try:
        loop.add_signal_handler(signal.SIGHUP, handler.notify)
    except (NotImplementedError, RuntimeError, ValueError):
        logger.warning("SIGHUP cannot be heard here: only the event loop of the main thread gets signals")
    try:
        yield
    finally:
        handler.events.discard(requested)
        if not handler.events:
            _handlers.pop(loop, None)
            handler.end(loop)
