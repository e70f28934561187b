"""The part of a pipeline that `pipeline.sync` and `pipeline.map` use."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from ranvier.messages.build import Prompt
from ranvier.messages.request import Options
from ranvier.messages.response import ParsedT, Response

if TYPE_CHECKING:
    from ranvier.facts.price import Prices
    from ranvier.pipeline.circuits import CircuitRegistry
    from ranvier.pipeline.mapping.bars import Show
    from ranvier.pipeline.mapping.run import Run
    from ranvier.pipeline.mapping.settings import Errors
    from ranvier.pipeline.running.lifecycle import Lifecycle
    from ranvier.pipeline.streaming.pending import PendingStream
    from ranvier.pipeline.streaming.restarting import OnBreak


class Askable(Protocol):
    """A pipeline; each method is documented at `Pipeline`."""

    prices: Prices
    lifecycle: Lifecycle

    def complete(
        self,
        prompt: Prompt,
        *,
        to: str | None = None,
        tenant: str | None = None,
        deadline: float | None = None,
        hedge: bool | None = None,
        **options: Unpack[Options[ParsedT]],
    ) -> Coroutine[Any, Any, Response[ParsedT]]:
        """The whole answer to `prompt`."""

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
    ) -> PendingStream[ParsedT]:
        """The answer as events."""

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
    ) -> Run[ParsedT]:
        """The answers to many prompts."""

    async def open_here(self) -> None:
        """Open it on the running loop, if it is not open."""

    async def __aenter__(self) -> Any:
        """Open it, even if it is closed."""

    async def aclose(self, drain: float = 0.0) -> None:
        """Close it."""

    @property
    def circuits(self) -> CircuitRegistry:
        """Its circuits."""
