"""The limits of a key that a provider reports with its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One limit, as it was when the provider answered; `None` for what it did not say.

    Attributes:
        limit: How much may be used until it is full again.
        remaining: How much is left.
        reset: Seconds until it is full again.
    """

    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of a key for a model; `None` for those that the provider did not report.

    Attributes:
        requests: Of requests.
        input_tokens, output_tokens: Of the tokens of prompts and of answers, where they are counted apart.
        tokens: Of both together.
    """

    requests: RateLimit | None = None
    input_tokens: RateLimit | None = None
    output_tokens: RateLimit | None = None
    tokens: RateLimit | None = None


OnLimits = Callable[[RateLimits, bool], None]
"""Receives the limits in a reply, and false if that reply rejects the request because of a limit."""
