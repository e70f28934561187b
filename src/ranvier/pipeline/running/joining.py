"""Lets a pipeline with a store join the other workers when it opens, and leave them when it closes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.sharing.single_worker import SINGLE_WORKER
from ranvier.store.protocol import Store

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

Counters = tuple[Mapping[str, int], Mapping[str, int], str]
"""Counters since the worker started, and gauges, by name; and its recent numbers as text."""

MEMBER = "ranvier.fleet.member"
"""Imported by name at first use: it imports stores and the interfaces of layers."""


class Joining:
    """Makes one pipeline a worker of the service while it is open.

    Attributes:
        store: The store that the workers share; `None` if the pipeline has none.
        member: The pipeline as a worker, while it is open.
        counters: Returns this worker's counters and gauges, as whole numbers, and its recent numbers as text.
    """

    def __init__(self, store: Store | None) -> None:
        self.store = store
        self.member: Any = None
        self.counters: Callable[[], Counters] = lambda: ({}, {}, "")

    def prepare(self, pipeline: Runtime) -> None:
        """Create the member when the pipeline opens, before its layers open and look for their fleet."""
        self.leave()
        if self.store is not None:
            self.member = import_module(MEMBER).Member(self.store, pipeline)
            self.member.counters = lambda: self.counters()
        pipeline.fleet = SINGLE_WORKER if self.member is None else self.member

    def join(self) -> None:
        """Start the member, because the pipeline is open."""
        if self.member is not None:
            self.member.start()

    def serve(self, pipeline: Runtime) -> None:
        """Use the layers of `pipeline`, after a reload."""
        if self.member is not None:
            self.member.serve(pipeline)

    def leave(self) -> None:
        """End the member: the pipeline or its loop is closed, or opening has failed."""
        member, self.member = self.member, None
        if member is not None:
            member.close()


def checked_store(store: Any) -> Store | None:
    """`store`, after a check of its members.

    Raises:
        ConfigurationError: it is not a store.
    """
    if store is None or (
        callable(getattr(store, "connect", None)) and callable(getattr(store, "digest", None))
    ):
        return store  # type: ignore[no-any-return]  # because: it has what a store has
    raise ConfigurationError(
        f"store={type(store).__name__}: give a store, such as ValkeyStore('valkey://localhost')"
    )
