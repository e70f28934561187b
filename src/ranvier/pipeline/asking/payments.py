"""Reserves what one request may cost before it is sent, and settles it when its attempt has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.pipeline.asking.notified import Payment
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.timing.wait_timer import WaitTimer


def affordable(call: Call) -> bool:
    """True if a request of `call` to its target fits all limits on what it may spend."""
    return all(purse.fits(call) for purse in call.purses)


def check(call: Call) -> None:
    """Raise a `RejectedError` if a request of `call` does not fit one of the limits on what it may spend."""
    for purse in call.purses:
        purse.check(call)


async def pay(call: Call, timer: WaitTimer, began: float) -> Payments:
    """Reserve what one request may cost. If a store is asked first, the request begins later than `began`.

    Raises:
        RejectedError: one of the limits does not admit the request; nothing stays reserved.
        TimedOutError: no time is left for an attempt.
    """
    for purse in call.purses:
        if purse.lacks(call):
            timer.stop()  # that wait has a limit of its own, and is not the provider's
            await purse.ask(call)
            began = timer.begin()
    return Payments(call, began)


class Payments:
    """What the limits of a call have reserved for one request.

    Attributes:
        began: When the request begins.
        attempt: The attempt, once the request is sent.

    Raises:
        RejectedError: one of the limits does not admit the request; nothing stays reserved.
    """

    __slots__ = ("_reserved", "attempt", "began")

    def __init__(self, call: Call, began: float) -> None:
        self.began = began
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
