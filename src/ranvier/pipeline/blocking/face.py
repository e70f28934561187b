"""A pipeline for code that cannot `await`."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack

from ranvier.messages.build import Prompt
from ranvier.messages.request import Options
from ranvier.messages.response import ParsedT, Response
from ranvier.pipeline.blocking.circuits import SyncCircuits
from ranvier.pipeline.blocking.own_loop import OwnLoop
from ranvier.pipeline.blocking.run import SyncRun
from ranvier.pipeline.blocking.stream import SyncStream
from ranvier.remedies import reports_missing_prompt

if TYPE_CHECKING:
    from ranvier.pipeline.mapping.bars import Show
    from ranvier.pipeline.mapping.settings import Errors
    from ranvier.pipeline.streaming.restarting import OnBreak


class SyncPipeline(OwnLoop):
    """The methods of a pipeline without `await`, for any number of threads: `pipeline.sync.complete("Why?")`.

    The first call starts a thread with an event loop of its own, and opens the pipeline there. The pipeline
    then belongs to that loop until `close`, the end of the process, or until nothing refers to the pipeline
    any more. A process that is forked starts anew, with new connections.

    A call runs in a copy of the caller's context: `with tenant(...)` and `with deadline(...)` apply. What a
    signal handler raises while a thread waits, such as the `KeyboardInterrupt` of Ctrl-C, cancels its call.
    """

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
        return SyncRun(self, self._call(begin))

    @property
    def circuits(self) -> SyncCircuits:
        """The circuits of the stack's breaker, by (tenant, provider).

        Raises:
            ConfigurationError: the stack has no breaker.
        """
        return SyncCircuits(self, self._pipeline.circuits)

    def __repr__(self) -> str:
        return f"{self._pipeline!r}.sync"
