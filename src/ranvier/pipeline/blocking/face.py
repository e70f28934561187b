"""A pipeline for code that cannot `await`."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from functools import partial
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from ranvier.messages.build import Prompt
from ranvier.messages.request import Options
from ranvier.messages.response import ParsedT, Response
from ranvier.pipeline.blocking.circuits import SyncCircuits
from ranvier.pipeline.blocking.own_loop import OwnLoop
from ranvier.pipeline.blocking.run import SyncRun
from ranvier.pipeline.blocking.stream import SyncStream
from ranvier.remedies import reports_missing_prompt

if TYPE_CHECKING:
    from ranvier.pipeline.blocking.askable import Askable
    from ranvier.pipeline.mapping.bars import Show
    from ranvier.pipeline.mapping.settings import Errors
    from ranvier.pipeline.streaming.restarting import OnBreak

T = TypeVar("T")


class SyncPipeline:
    """The methods of a pipeline without `await`, for any number of threads: `pipeline.sync.complete("Why?")`.

    The first call starts a thread with its own event loop, and opens the pipeline there. The pipeline belongs
    to that loop until `close`, the end of the process, or until the pipeline is garbage collected. A forked
    process starts its own thread, with new connections.

    A call runs in a copy of the caller's context: `with tenant(...)` and `with deadline(...)` apply. An
    exception of a signal handler, such as the `KeyboardInterrupt` of Ctrl-C, cancels the call that waits.
    """

    def __init__(self, pipeline: Askable) -> None:
        self._pipeline = pipeline
        self._own = OwnLoop(pipeline)

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
        return self._own.run(
            lambda: ask(prompt, to=to, tenant=tenant, deadline=deadline, hedge=hedge, **options)
        )

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
        pending = self._own.call(
            lambda: ask(
                prompt, to=to, tenant=tenant, deadline=deadline, hedge=hedge, on_break=on_break, **options
            )
        )
        return SyncStream(self._own, pending)

    def map(
        self,
        prompts: Iterable[Any] | AsyncIterable[Any],
        *,
        concurrency: int = 50,
        in_order: bool = True,
        errors: Errors = "return",
        file: str | PathLike[str] | None = None,
        key: Callable[[Any], str | int] | None = None,
        prompt: Callable[[Any], Prompt] | None = None,
        progress: bool | Show = False,
        total: int | None = None,
        to: str | None = None,
        tenant: str | None = None,
        deadline: float | None = None,
        hedge: bool | None = None,
        **options: Unpack[Options[ParsedT]],
    ) -> SyncRun[ParsedT]:
        """The answers to many prompts: `for result in pipeline.sync.map(prompts)`.

        Arguments and errors are those of `Pipeline.map`. The prompts are read in the thread of the loop.
        """
        begin = partial(
            self._pipeline.map,
            prompts,
            concurrency=concurrency,
            in_order=in_order,
            errors=errors,
            file=file,
            key=key,
            prompt=prompt,
            progress=progress,
            total=total,
            to=to,
            tenant=tenant,
            deadline=deadline,
            hedge=hedge,
            **options,
        )
        return SyncRun(self._own, self._own.call(begin))

    @property
    def circuits(self) -> SyncCircuits:
        """The circuits of the stack's breaker, by (tenant, provider).

        Raises:
            ConfigurationError: the stack has no breaker.
        """
        return SyncCircuits(self._own, self._pipeline.circuits)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Call an async function on the loop of the pipeline, and wait for its result.

        Layers, credentials and providers belong to that loop: call their methods in such a function.

        Raises:
            ConfigurationError: the pipeline is closed, or this is the thread of its loop.
        """
        return self._own.run(work)

    # --- opening and closing ---------------------------------------------------------------------

    def close(self, drain: float = 0.0) -> None:
        """Close the pipeline as `Pipeline.aclose` does, and end its thread; further calls are rejected.

        It closes only what `pipeline.sync` has opened. Threads that still wait get an error.
        """
        self._own.close(drain)

    def __enter__(self) -> Self:
        self._own.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{self._pipeline!r}.sync"
