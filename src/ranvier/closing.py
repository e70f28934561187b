"""Closes several things, even if closing one of them fails or is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from ranvier.caller import Caller


class Steps(AsyncExitStack):
    """Runs every step, from the last to the first, even if one of them is cancelled or fails.

    Of several errors the last one is raised, except that a cancellation by the caller takes precedence:
    the caller waits for it. It carries the arguments of the first `CancelledError` that arrived, by which
    anyio recognizes its own cancellations.
    """

    _cancel_args: tuple[Any, ...] = ()

    def then(self, step: Callable[..., Awaitable[object]], *arguments: object) -> None:
        """Run `step` before the steps that were added earlier."""

        async def run() -> None:
            try:
                await step(*arguments)
            except asyncio.CancelledError as cancelled:
                self._note(cancelled)
                raise

        self.push_async_callback(run)

    async def __aenter__(self) -> Self:
        self._caller = Caller()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is GeneratorExit:  # its task is destroyed, and there is no loop to wait in
            self.pop_all()
            return None
        self._note(error)
        try:
            return await super().__aexit__(kind, error, trace)
        except Exception as failure:
            if self._caller.has_cancelled:
                raise asyncio.CancelledError(*self._cancel_args) from failure
            raise

    def _note(self, error: BaseException | None) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._cancel_args = self._cancel_args or error.args
