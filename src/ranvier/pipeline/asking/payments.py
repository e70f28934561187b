"""Reserves what one request may cost before it is sent, and settles it when its attempt has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.pipeline.asking.notified import Payment
    from ranvier.pipeline.call import Call


def affordable(call: Call) -> bool:
    """True if a request of `call` to its target fits all limits on what it may spend."""
    return all(purse.fits(call) for purse in call.purses)


def check(call: Call) -> None:
    """Raise a `RejectedError` if a request of `call` does not fit one of the limits on what it may spend."""
    for purse in call.purses:
        purse.check(call)


class Payments:
    """What the limits of a call have reserved for one request.

    Attributes:
        attempt: The attempt, once the request is sent.

    Raises:
        RejectedError: one of the limits does not admit the request; nothing stays reserved.
    """

    __slots__ = ("_reserved", "attempt")

    def __init__(self, call: Call) -> None:
        self._reserved: tuple[Payment, ...] = ()
        self.attempt: Attempt | None = None
        try:
            for purse in call.purses:
                self._reserved += (purse.reserve(call),)
        except BaseException:
            self.settle()
            raise

    def settle(self) -> None:
        """The attempt has ended, or was not sent."""
        reserved, self._reserved = self._reserved, ()
        for payment in reserved:
            payment.settle(self.attempt)
