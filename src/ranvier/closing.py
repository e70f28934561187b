"""To close several things, whatever becomes of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from ranvier.caller import Caller


class Steps(AsyncExitStack):
    """Steps that are all taken, from the last to the first, whatever cancels or breaks one of them.

    Of several errors the last one is raised, but a cancellation goes before all others: whoever
    cancelled waits for it. It goes on with the words of the first that arrived, by which anyio
    knows its own.
    """

    _said: tuple[Any, ...] = ()

    def then(self, step: Callable[..., Awaitable[object]], *arguments: object) -> None:
        """Take `step` before those that are here already."""

        async def taken() -> None:
            try:
                await step(*arguments)
            except asyncio.CancelledError as cancelled:
                self._hear(cancelled)
                raise

        self.push_async_callback(taken)

    async def __aenter__(self) -> Self:
        self._caller = Caller()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is GeneratorExit:  # its task is destroyed, and there is no loop to wait in
            self.pop_all()
            return None
        self._hear(error)
        try:
            return await super().__aexit__(kind, error, trace)
        except Exception as failure:
            if self._caller.has_cancelled:
                raise asyncio.CancelledError(*self._said) from failure
            raise

    def _hear(self, error: BaseException | None) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._said = self._said or error.args
