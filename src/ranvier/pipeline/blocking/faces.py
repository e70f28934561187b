"""The further faces of a pipeline: without `await`, and for many prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ranvier.pipeline.runtime import Runtime

if TYPE_CHECKING:
    from ranvier.pipeline.blocking.askable import Askable
    from ranvier.pipeline.blocking.face import SyncPipeline
    from ranvier.pipeline.running.lifecycle import Lifecycle


class Faces(Runtime):
    """What a `Pipeline` offers beside `complete` and `stream`; each is imported at its first use.

    Attributes:
        lifecycle: Opens and closes the pipeline.
    """

    lifecycle: Lifecycle

    @property
    def sync(self) -> SyncPipeline:
        """The same methods without `await`, for threads: `pipeline.sync.complete("Why?")`."""
        face: SyncPipeline | None = vars(self).get("_sync")
        if face is None:
            from ranvier.pipeline.blocking.face import SyncPipeline

            # In one step: two threads must not get two faces. Only a `Pipeline` is built.
            face = vars(self).setdefault("_sync", SyncPipeline(cast("Askable", self)))
        return face

    async def open_here(self) -> None:
        """Open on the running loop, if it is not open there."""
        await self.lifecycle.open(self)
