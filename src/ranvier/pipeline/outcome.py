"""How an admitted call ended, as far as its guard is concerned."""

from __future__ import annotations

from enum import Enum

from ranvier.errors import RanvierError


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
