"""A run over many prompts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self

from ranvier.messages.response import ParsedT_co
from ranvier.pipeline.mapping.progress import Progress
from ranvier.pipeline.mapping.result import Result

if TYPE_CHECKING:
    from ranvier.pipeline.mapping.workers import Workers


def stopped_error() -> RuntimeError:
    """The error for all results of a run that has been stopped."""
    return RuntimeError("this run was stopped, and has not all results: call map(...) again")


class Run(Generic[ParsedT_co]):
    """The results of `pipeline.map`: read them with `async for`, or all at once with `collect`.

    It starts at the first read. An unfinished run that is closed or dropped cancels its calls. If you may
    stop early, write `async with pipeline.map(...) as run`: after the block, the run has stopped. A cancelled
    read also stops it: each later read raises a `RuntimeError`.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._begun = False

    @property
    def progress(self) -> Progress:
        """The progress of the run."""
        return self._workers.progress()

    def __aiter__(self) -> AsyncGenerator[Result[ParsedT_co], None]:
        if self._begun:
            raise RuntimeError("this run has begun: call pipeline.map(...) again")
        self._begun = True
        return Reading(self._read())

    async def _read(self) -> AsyncGenerator[Result[ParsedT_co], None]:
        workers = self._workers
        try:
            workers.start()
            while (result := await workers.next()) is not None:
                yield result
        finally:
            await workers.stop()

    async def collect(self) -> list[Result[ParsedT_co]]:
        """All results, in the order of the prompts, or in order of completion with `in_order=False`.

        Raises:
            RuntimeError: another task has stopped the run, so some results are missing.
        """
        results = [result async for result in self]
        if not self._workers.complete:
            raise stopped_error()
        return results

    async def aclose(self) -> None:
        """Stop: calls in flight are cancelled."""
        self._begun = True
        await self._workers.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Run({self.progress})"


class Reading(AsyncGenerator[Result[ParsedT_co], None]):
    """The results of a run. A read that is cancelled stops it: each read after that raises an error.

    Args:
        results: The generator of the results, which would seem to be at its end then.
    """

    def __init__(self, results: AsyncGenerator[Result[ParsedT_co], None]) -> None:
        self._results = results
        self._cancelled = False

    async def asend(self, value: None) -> Result[ParsedT_co]:
        """The next result."""
        if self._cancelled:
            raise stopped_error()
        try:
            return await self._results.asend(value)
        except asyncio.CancelledError:
            self._cancelled = True
            raise

    async def athrow(self, kind: Any, error: Any = None, trace: Any = None) -> Result[ParsedT_co]:
        """Stop the run, and raise that error."""
        return await self._results.athrow(kind if error is None else error)

    async def aclose(self) -> None:
        """Stop the run."""
        await self._results.aclose()
