"""Shows the progress of a run: by rich, tqdm, or a function of the user."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.mapping.progress import Progress

logger = logging.getLogger("ranvier.map")

Show = Callable[[Progress], object]
"""A function that is called with the progress, at most ten times a second and at the end."""


class Bar(Protocol):
    """Shows progress until it is closed."""

    def update(self, progress: Progress) -> None:
        """Show `progress`."""

    def close(self) -> None:
        """Leave the last progress on the screen."""


def bar_for(progress: bool | Show) -> Bar | None:
    """The bar for the option `progress`; `None` if no progress is shown.

    Raises:
        ConfigurationError: neither rich nor tqdm is installed.
    """
    if progress is False:
        return None
    if progress is not True:
        return _UntilItFails(_Function(progress))
    if find_spec("rich") is not None:
        return _UntilItFails(_Rich())
    if find_spec("tqdm") is not None:
        return _UntilItFails(_Tqdm())
    raise ConfigurationError("progress=True needs rich or tqdm: pip install rich, or give a function")


class _UntilItFails:
    """Stops using a bar that has raised an error: the terminal may be gone, but the run continues."""

    def __init__(self, bar: Bar) -> None:
        self._bar: Bar | None = bar

    def update(self, progress: Progress) -> None:
        self._try(lambda bar: bar.update(progress))

    def close(self) -> None:
        self._try(lambda bar: bar.close())

    def _try(self, step: Callable[[Bar], None]) -> None:
        if self._bar is None:
            return
        try:
            step(self._bar)
        except (Exception, asyncio.CancelledError):  # nothing is awaited, so the bar itself raised this
            self._bar = None
            logger.exception("progress=... raised an error and is not shown any more; the run goes on")


class _Function:
    def __init__(self, show: Show) -> None:
        self._show = show

    def update(self, progress: Progress) -> None:
        self._show(progress)

    def close(self) -> None:
        pass


class _Rich:
    """On standard error, so that answers may be printed to standard output."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Display

        class Terminal(Console):
            def on_broken_pipe(self) -> None:
                raise BrokenPipeError  # rich would exit the process and discard its standard output

        columns: list[Any] = [BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}")]
        self._display = Display(*columns, console=Terminal(stderr=True))
        self._task = self._display.add_task("", total=None)
        self._display.start()

    def update(self, progress: Progress) -> None:
        self._display.update(
            self._task, completed=progress.done, total=progress.total, description=str(progress)
        )

    def close(self) -> None:
        self._display.stop()


class _Tqdm:
    def __init__(self) -> None:
        tqdm: Any = import_module("tqdm").tqdm

        self._bar = tqdm(bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} {postfix}")

    def update(self, progress: Progress) -> None:
        self._bar.total, self._bar.n = progress.total, progress.done
        self._bar.set_postfix_str(str(progress), refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()
