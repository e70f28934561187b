"""`pipeline.sync` and `pipeline.map`: a pipeline without `await`, and for many prompts."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack, cast

from ranvier import validation
from ranvier.messages.build import Prompt
from ranvier.messages.request import Options
from ranvier.messages.response import ParsedT
from ranvier.pipeline.runtime import Runtime

if TYPE_CHECKING:
    from ranvier.pipeline.blocking.askable import Askable
    from ranvier.pipeline.blocking.face import SyncPipeline
    from ranvier.pipeline.mapping.bars import Show
    from ranvier.pipeline.mapping.run import Run
    from ranvier.pipeline.mapping.settings import Errors
    from ranvier.pipeline.running.stack import Stack


class Faces(Runtime):
    """The part of `Pipeline` with `sync` and `map`; their code is imported at first use.

    Attributes:
        stack: The layers and settings in use.
    """

    stack: Stack

    @property
    def sync(self) -> SyncPipeline:
        """The same methods without `await`, for threads: `pipeline.sync.complete("Why?")`."""
        face: SyncPipeline | None = vars(self).get("_sync")
        if face is None:
            from ranvier.pipeline.blocking.face import SyncPipeline

            # `setdefault` is atomic: two threads must not get two faces. Only a `Pipeline` is built.
            face = vars(self).setdefault("_sync", SyncPipeline(cast("Askable", self)))
        return face

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
        """The answers to many prompts: `async for result in pipeline.map(prompts)`.

        Args:
            prompts: An iterable or async iterable of prompts, read as they are sent. A slow plain iterable
                blocks the event loop.
            concurrency: The maximum number of calls in flight.
            in_order: True returns results in the order of the prompts, false as they complete.
            errors: `"return"` makes the error of a prompt its result, `"raise"` ends the run with it.
            file: A `.jsonl` or SQLite file (`.db`, `.sqlite`) to which each answer is written. Prompts whose
                key is in the file are skipped, so that a killed run can be continued. Failures are not
                written.
            key: A function of a prompt that returns its key in `file`: a text or a number. The default is the
                position and a digest of the prompt. Of prompts with the same key only the first is sent.
            prompt: A function that returns the prompt of an item, if `prompts` holds items of another type.
            progress: True shows a bar, by rich or tqdm; a function is called with a `Progress`.
            total: The number of prompts, for the progress, if they have no length.
            to: As for `complete`, for each prompt.
            tenant: As for `complete`.
            hedge: As for `complete`.
            options: As for `complete`.
            deadline: Seconds for each prompt, from when it is sent.

        Raises:
            ConfigurationError: invalid arguments, raised at once.
            Exception: while reading: the error of the iterable, or of writing the file.
        """
        from ranvier.pipeline.mapping.prompts import Prompts
        from ranvier.pipeline.mapping.run import Run
        from ranvier.pipeline.mapping.settings import Settings
        from ranvier.pipeline.mapping.workers import Workers

        settings = Settings(concurrency, in_order, errors, file, progress)
        if (tools := options.get("tools")) is not None:  # a generator would be empty from the second call on
            options["tools"] = list(validation.listed("tools", tools))
        complete = cast("Askable", self).complete
        send = partial(complete, to=to, tenant=tenant, deadline=deadline, hedge=hedge, **options)
        send("?").close()  # never awaited: it only validates the arguments
        read = Prompts(prompts, key, prompt, total)
        return Run(Workers(read, send, settings, self.prices, self._is_closed))

    def _is_closed(self) -> bool:
        return self.stack.lifecycle.state in ("closing", "closed")

    async def open_here(self) -> None:
        """Open on the running loop, if it is not open there."""
        await self.stack.lifecycle.open(self.stack)
