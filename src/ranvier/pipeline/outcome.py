"""How an admitted call ended, as far as its guard is concerned."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from enum import Enum

from ranvier.errors.root import RanvierError

logger = logging.getLogger("ranvier.stream")

_raised: set[str] = set()  # names of callbacks that did: as many as there are layers, at most


class Outcome(Enum):
    """What a permit is settled with."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The provider is to blame."""

    ABANDONED = "abandoned"
    """Nobody is to blame: cancelled, dropped, or refused for a reason that is not the provider's.
    The place is given back and nothing is counted."""

    @classmethod
    def of(cls, error: BaseException) -> Outcome:
        """The outcome of a call that ended with `error`."""
        if isinstance(error, RanvierError) and error.counts_against_provider:
            return cls.FAILED
        return cls.ABANDONED


SUCCEEDED, FAILED, ABANDONED = Outcome  # a member is dearer to find in its enumeration than in a module


def tell(callbacks: Iterable[Callable[[Outcome], None]], outcome: Outcome, *, log: bool = True) -> None:
    """Tell each of them, whatever the others do; with `log`, one that raises is logged once.

    What ends the program is raised in the end.
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
        del fatal  # it holds this frame: a frame that held it too would be a cycle
