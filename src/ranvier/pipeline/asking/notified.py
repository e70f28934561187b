"""What is told about a call and its attempts: permits, and the limits on what it may spend.

Their calls have no type here: `Call` refers to these protocols, and both would refer to each other.
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
    """The permit of an attempt that is notified of its silence and of its first content."""

    def silent(self) -> None:
        """The attempt has had no content for longer than its hang threshold."""

    def content(self) -> None:
        """The first content has arrived."""


class Injectable(Protocol):
    """The permit of an attempt that may get a fault on purpose."""

    def injected(self, *, counted: bool) -> None:
        """The attempt gets a fault."""


class Spending(Protocol):
    """A limit on what a call may spend: it is asked before every request."""

    def fits(self, call: Any) -> bool:
        """True if a request of `call` could be sent to its target now."""

    def check(self, call: Any) -> object:
        """Raise a `RejectedError` if a request of `call` could not be sent to its target now."""

    def lacks(self, call: Any) -> bool:
        """True if `ask` may find more for a request of `call` to its target than is here."""

    async def ask(self, call: Any) -> None:
        """Ask for more, for a quarter of a second at most."""

    def reserve(self, call: Any) -> Payment:
        """Reserve the most that a request of `call` can cost; raise a `RejectedError` if it does not fit."""


class Payment(Protocol):
    """What is reserved for one request."""

    def settle(self, attempt: Attempt | None) -> None:
        """The request has ended, as `attempt` says; `None` if it was not sent."""
