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


def lacks(call: Call) -> bool:
    """True if one of the limits has to `ask` for more before a request of `call` can be sent."""
    for purse in call.purses:  # noqa: SIM110  # because: `any` would take longer than all of them
        if purse.lacks(call):
            return True
    return False


async def ask(call: Call, timer: WaitTimer) -> Payments:
    """Ask for the most that the request may cost, and reserve it; the request starts after that.

    Raises:
        RejectedError: one of the limits does not admit the request; nothing stays reserved.
        TimedOutError: no time is left for an attempt.
    """
    timer.stop()  # this wait has its own limit, and is not charged to the provider
    for purse in call.purses:
        if purse.lacks(call):
            await purse.ask(call)
    return Payments(call, timer.begin())


class Payments:
    """The reservations of all limits for one request.

    Attributes:
        began: The start of the request, on the pipeline's clock.
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
        """Settle all reservations: the attempt has ended, or was not sent."""
        reserved, self._reserved = self._reserved, ()
        for payment in reserved:
            payment.settle(self.attempt)
