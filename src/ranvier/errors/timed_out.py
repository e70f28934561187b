"""Something took longer than it may."""

from __future__ import annotations

from typing import Any

from ranvier.errors.provider import ProviderFacts
from ranvier.errors.root import RanvierError


class TimedOutError(RanvierError, TimeoutError):
    """Something took longer than it may."""

    kind = "timeout"


class AttemptTimeoutError(TimedOutError, ProviderFacts):
    """This attempt was too slow.

    Attributes:
        phase: `connect`, `first_token`, `idle` or `attempt`. Only a slow connect is retried at the
            same target: a silent provider stays silent.
    """

    counts_against_provider = True
    fails_over = True

    def __init__(self, message: str, *, phase: str = "attempt", **facts: Any) -> None:
        ProviderFacts.__init__(self, message, **facts)
        self.phase = phase
        self.retryable = phase == "connect"
