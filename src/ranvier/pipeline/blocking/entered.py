"""The interface of `OwnLoop` for the streams, circuits and batches of `pipeline.sync`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ranvier.pipeline.blocking.portal import Portal

T = TypeVar("T")


class Entered(Protocol):
    """Each method is documented at `OwnLoop`."""

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Call an async function on the loop of the pipeline."""

    def enter(self) -> Portal:
        """The portal, on which the pipeline is open until `leave`."""

    def leave(self, portal: Portal) -> None:
        """This thread does not use the portal any more."""
