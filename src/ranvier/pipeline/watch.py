"""What the route of a call knows about the attempt in flight at one of its targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.timing.wait_timer import WaitTimer


class Observer(Protocol):
    """The permit of an attempt that is notified of its silence and of its first content."""

    def silent(self) -> None:
        """The attempt has had no content for longer than its hang threshold."""

    def content(self) -> None:
        """The first content has arrived."""


class Watch:
    """Follows the attempts that one call makes at one target, one after the other.

    A route that hedges passes its own subclass on the call; this class does nothing.

    Attributes:
        until: When the first content must have arrived, so that later targets get their turn; `None` means
            no limit.
        later: The targets that the call may still be sent to after this one.
        queues: False for a call that must not wait in front of its target: a hedge, for example.
        last_target: True if it is sent although a shared circuit is open, because no other target is left.
        hedged: True once another target was asked as well; the attempt is not retried then.
        silent: True while the attempt in flight has had no content for longer than its hang threshold.
        observers: Permits to notify of the silence and the first content of the attempt.
    """

    __slots__ = ("hedged", "last_target", "later", "observers", "queues", "silent", "until")

    def __init__(self) -> None:
        self.until: float | None = None
        self.later: tuple[Deployment, ...] = ()
        self.queues = True
        self.last_target = False
        self.hedged = False
        self.silent = False
        self.observers: tuple[Observer, ...] = ()

    def sent(self, call: Call, attempt: Attempt, timer: WaitTimer) -> None:
        """The request of `call` is sent; `timer` limits its waits."""

    def alive(self, now: float) -> None:
        """The provider has sent something, but no content yet."""

    def content(self, now: float) -> bool:
        """The first content has arrived. False if the route does not want the answer any more."""
        return True

    def leave(self, after: float = 0.0) -> None:
        """Give up the attempt in flight after `after` seconds if it has no content by then."""


UNWATCHED = Watch()
"""The watch of a call whose route does not hedge."""
