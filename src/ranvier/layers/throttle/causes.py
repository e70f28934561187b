"""Decides which errors close a gate and for how long, with limits on a provider's `retry_after`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.provider import AuthenticationError, OverloadedError, QuotaExceededError, RateLimitError
from ranvier.errors.root import RanvierError
from ranvier.layers.throttle.gate import Reason

if TYPE_CHECKING:
    from ranvier.layers.throttle.layer import Throttle

MAX_WITHOUT_CREDIT = 3600.0
"""The longest time in seconds that a provider can close a gate because an account is out of credit."""

WITHOUT_A_TIME = 1.0
"""Seconds that a gate closes again when its probe is rate limited without a `retry_after`."""


def closes(error: BaseException, settings: Throttle, *, probed: bool) -> tuple[Reason, float] | None:
    """The reason and the seconds for which `error` closes the gate; `None` if it does not close it.

    The provider's `retry_after` counts up to a limit. The settings' own times have no limit.
    """
    if isinstance(error, RanvierError) and error.injected:
        return None
    if isinstance(error, (RateLimitError, OverloadedError)):
        retry_after = error.retry_after
        if retry_after is None:
            retry_after = WITHOUT_A_TIME if probed else 0.0
        seconds = min(retry_after, settings.max_closed)
    elif isinstance(error, AuthenticationError):
        seconds = _at_least(settings.auth_cooldown, error.retry_after, settings.max_closed)
    elif isinstance(error, QuotaExceededError):
        seconds = _at_least(settings.quota_cooldown, error.retry_after, MAX_WITHOUT_CREDIT)
    else:
        return None
    return (Reason(error.kind), seconds) if seconds else None


def longest(throttle: Throttle, reason: Reason) -> float:
    """The longest time in seconds for which an error of that kind closes a gate, at any target."""
    return max(_longest(settings, reason) for settings in (throttle, *throttle.overrides.values()))


def _longest(settings: Throttle, reason: Reason) -> float:
    if reason.passes:
        return settings.max_closed
    if reason is Reason.REJECTED:
        return max(settings.auth_cooldown, settings.max_closed)
    return max(settings.quota_cooldown, MAX_WITHOUT_CREDIT)


def _at_least(configured: float, retry_after: float | None, longest: float) -> float:
    """The configured time, or the provider's where that is longer; 0 switches both off."""
    return max(configured, min(retry_after or 0.0, longest)) if configured else 0.0
