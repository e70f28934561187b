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
"""Sums since the worker began, and gauges, by name; and what it has counted lately, as text."""

MEMBER = "ranvier.fleet.member"
"""Imported by its name, and when it is needed: it knows stores, and what layers share."""


class Joining:
    """The place of one pipeline among the workers.

    Attributes:
        store: What they share; `None` if it is alone.
        member: What it is among them, while it is open.
        counters: Returns what operators see of this worker: its sums and its gauges, as whole numbers, and
            its recent numbers as text.
    """

    def __init__(self, store: Store | None) -> None:
        self.store = store
        self.member: Any = None
        self.counters: Callable[[], Counters] = lambda: ({}, {}, "")

    def prepare(self, pipeline: Runtime) -> None:
        """The pipeline opens, on its loop: its layers are to know their fleet before they do."""
        self.leave()
        if self.store is not None:
            self.member = import_module(MEMBER).Member(self.store, pipeline)
            self.member.counters = lambda: self.counters()
        pipeline.fleet = SINGLE_WORKER if self.member is None else self.member

    def join(self) -> None:
        """The pipeline is open."""
        if self.member is not None:
            self.member.start()

    def serve(self, pipeline: Runtime) -> None:
        """Its layers were replaced by those of `pipeline`."""
        if self.member is not None:
            self.member.serve(pipeline)

    def leave(self) -> None:
        """The pipeline is closed, or its loop is, or it could not be opened."""
        member, self.member = self.member, None
        if member is not None:
            member.close()


def checked_store(store: Any) -> Store | None:
    """`store`, if it can be one.

    Raises:
        ConfigurationError: it is none.
    """
    if store is None or (
        callable(getattr(store, "connect", None)) and callable(getattr(store, "digest", None))
    ):
        return store  # type: ignore[no-any-return]  # because: it has what a store has
    raise ConfigurationError(
        f"store={type(store).__name__}: give a store, such as ValkeyStore('valkey://localhost')"
    )
