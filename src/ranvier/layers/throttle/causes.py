"""What closes a gate, and for how long: whatever a provider says, one call asks again before long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.provider import AuthenticationError, OverloadedError, QuotaExceededError, RateLimitError
from ranvier.layers.throttle.gate import Reason

if TYPE_CHECKING:
    from ranvier.layers.throttle.layer import Throttle

MAX_WITHOUT_CREDIT = 3600.0
"""Seconds that a gate is closed at most because a provider says so of an account without credit."""

WITHOUT_A_TIME = 1.0
"""Seconds that a gate is closed again when its probe was limited without being told for how long."""


def closes(error: BaseException, settings: Throttle, *, probed: bool) -> tuple[Reason, float] | None:
    """For what, and for how many seconds, `error` closes the gate; `None` where it does not.

    What the provider asks for counts up to a limit. What the settings say is the user's, and counts whole.
    """
    if isinstance(error, (RateLimitError, OverloadedError)):
        asked = error.retry_after
        if asked is None:
            asked = WITHOUT_A_TIME if probed else 0.0
        seconds = min(asked, settings.max_closed)
    elif isinstance(error, AuthenticationError):
        seconds = _at_least(settings.auth_cooldown, error.retry_after, settings.max_closed)
    elif isinstance(error, QuotaExceededError):
        seconds = _at_least(settings.quota_cooldown, error.retry_after, MAX_WITHOUT_CREDIT)
    else:
        return None
    return (Reason(error.kind), seconds) if seconds else None


def _at_least(ours: float, asked: float | None, longest: float) -> float:
    """Our own time, or the provider's where that is longer; 0 switches both off."""
    return max(ours, min(asked or 0.0, longest)) if ours else 0.0
