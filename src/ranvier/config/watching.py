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

from ranvier.config.source import From, path_of
from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ranvier.pipeline.pipeline import Pipeline

logger = logging.getLogger("ranvier.reload")

POLLED_EVERY = 2.0
"""Seconds between two looks at the file."""

Seen = tuple[int, int, int] | None
"""What changes with a file: when it was written, its size, and which file it is. `None` if there is none."""


class Watch:
    """Watches the file of a pipeline.

    A change is read when two looks have seen the same: a file that is still being written may be valid, and
    say less than it should.

    Args:
        given: The path of the file.
        changes: Reload when the file has changed.
        sighup: Reload at a SIGHUP.
    """

    def __init__(self, given: From, *, changes: bool, sighup: bool) -> None:
        if isinstance(given, Mapping):
            raise ConfigurationError("from_config(watch, sighup): a dict cannot be watched: name a file")
        if sighup and not hasattr(signal, "SIGHUP"):
            raise ConfigurationError("from_config(sighup=True): this system has no SIGHUP: write watch=True")
        self._path: str | None = path_of(given)
        self._changes, self._sighup = changes, sighup
        self._read = self._look()  # what the stack in use was made of

    async def run(self, known: weakref.ref[Pipeline]) -> None:
        """Watch until the pipeline is closed or nobody has it any more."""
        asked = asyncio.Event()
        with _at_sighup(asked) if self._sighup else nullcontext():
            before = self._read
            while known() is not None:
                signalled = await _wait(asked, POLLED_EVERY)
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
        given = self._path if pipeline is None else pipeline.origin.given
        path = None if isinstance(given, Mapping) else path_of(given)
        if path != self._path:
            self._path, self._read = path, None  # it may have changed since: it is read once more

    def _look(self) -> Seen:
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


async def _wait(asked: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until `asked`; true for that."""
    try:
        await asyncio.wait_for(asked.wait(), seconds)
    except TimeoutError:
        return False
    asked.clear()
    return True


# --- signals -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Hearing:
    """What a loop does at a SIGHUP: it has one handler, and may have several pipelines.

    Attributes:
        before: What Python did at one before, and does again afterwards.
        events: Those to set.
    """

    before: Any
    events: set[asyncio.Event] = field(default_factory=set)

    def hear(self) -> None:
        """Set all events."""
        for event in self.events:
            event.set()

    def end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Leave the signal as it was."""
        with suppress(NotImplementedError, RuntimeError, ValueError):
            if loop.remove_signal_handler(signal.SIGHUP) and self.before is not None:
                signal.signal(signal.SIGHUP, self.before)


_hearing: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Hearing] = weakref.WeakKeyDictionary()


@contextmanager
def _at_sighup(asked: asyncio.Event) -> Iterator[None]:
    """Set `asked` at each SIGHUP."""
    loop = asyncio.get_running_loop()
    hearing = _hearing.get(loop)
    if hearing is None:
        hearing = _hearing[loop] = _Hearing(signal.getsignal(signal.SIGHUP))
    hearing.events.add(asked)
    try:
        loop.add_signal_handler(signal.SIGHUP, hearing.hear)
    except (NotImplementedError, RuntimeError, ValueError):
        logger.warning("SIGHUP cannot be heard here: only the event loop of the main thread gets signals")
    try:
        yield
    finally:
        hearing.events.discard(asked)
        if not hearing.events:
            _hearing.pop(loop, None)
            hearing.end(loop)
