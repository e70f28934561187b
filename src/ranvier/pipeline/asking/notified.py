"""The interfaces of objects that a call notifies: permits of its attempts, and limits on its spending.

Calls have type `Any` here, because `Call` refers to these protocols: the imports would be circular.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt


class Probing(Protocol):
    """The permit of a probe: it receives these two notifications about its call."""

    def waits(self, call: Any) -> None:
        """Called when `call` starts to wait for a connection slot."""

    def sent(self, call: Any) -> None:
        """Called when the request of `call` is sent."""


class Observer(Protocol):
    """The permit of an attempt: notified of silence and of the first content."""

    def silent(self) -> None:
        """The attempt has had no content for longer than its hang threshold."""

    def content(self) -> None:
        """The first content has arrived."""


class Injectable(Protocol):
    """The permit of an attempt into which a fault may be injected."""

    def injected(self, *, counted: bool) -> None:
        """A fault is injected into the attempt."""


class Spending(Protocol):
    """A limit on what a call may spend, checked before every request."""

    def fits(self, call: Any) -> bool:
        """True if a request of `call` could be sent to its target now."""

    def check(self, call: Any) -> object:
        """Raise a `RejectedError` if a request of `call` could not be sent to its target now."""

    def lacks(self, call: Any) -> bool:
        """True if too little is left here for a request of `call`, and `ask` may get more."""

    async def ask(self, call: Any) -> None:
        """Ask for more, waiting for at most 0.25 seconds."""

    def reserve(self, call: Any) -> Payment:
        """Reserve the most that a request of `call` can cost; raise a `RejectedError` if it does not fit."""


class Payment(Protocol):
    """The reservation for one request."""

    def settle(self, attempt: Attempt | None) -> None:
        """Replace the reservation by the real cost of `attempt`; `None` if the request was not sent."""
