"""What is told about an attempt: its permits and its payments, as the pipeline sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt


class Observer(Protocol):
    """The permit of an attempt that is notified of its silence and of its first content."""

    def silent(self) -> None:
        """The attempt has had no content for longer than its hang threshold."""

    def content(self) -> None:
        """The first content has arrived."""


class Injectable(Protocol):
    """The permit of an attempt that may get a fault on purpose."""

    def injected(self, *, counted: bool) -> None:
        """The attempt gets a fault."""


class Payment(Protocol):
    """What is reserved for one request."""

    def settle(self, attempt: Attempt | None) -> None:
        """The request has ended, as `attempt` says; `None` if it was not sent."""
