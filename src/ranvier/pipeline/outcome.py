"""The outcome of an admitted call, for its guard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from enum import Enum

from ranvier.errors.root import RanvierError

logger = logging.getLogger("ranvier.stream")

_raised: set[str] = set()  # names of callbacks that raised; at most one per layer


class Outcome(Enum):
    """The outcome that a permit is settled with."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The provider is at fault."""

    ABANDONED = "abandoned"
    """The provider is not at fault: cancelled, dropped, or failed for another reason.
    The permit is released and nothing is counted."""

    @classmethod
    def of(cls, error: BaseException) -> Outcome:
        """The outcome of a call that ended with `error`."""
        if isinstance(error, RanvierError) and error.counts_against_provider:
            return cls.FAILED
        return cls.ABANDONED


SUCCEEDED, FAILED, ABANDONED = Outcome  # because a module lookup is faster than an enum lookup


def notify(callbacks: Iterable[Callable[[Outcome], None]], outcome: Outcome, *, log: bool = True) -> None:
    """Call every callback with `outcome`, even if others raise; with `log`, one that raises is logged once.

    An error that ends the program (KeyboardInterrupt, SystemExit) is raised after all were called.
    """
    fatal: BaseException | None = None
    for callback in callbacks:
        try:
            callback(outcome)
        except (Exception, asyncio.CancelledError):
            name = getattr(callback, "__qualname__", type(callback).__qualname__)
            if log and name not in _raised:
                _raised.add(name)
                logger.exception("the on_end callback %s raised; further errors of it are not logged", name)
        except BaseException as error:
            fatal = error
    try:
        if fatal is not None:
            raise fatal
    finally:
        del fatal  # because an error refers to this frame, and a local would complete a reference cycle
