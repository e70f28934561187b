"""Limits hedges to a share of the calls, per provider that receives them. Pure."""

from __future__ import annotations

MAX_SAVED = 10.0
"""Hedges that a budget holds at most; a new one is full."""

PER_CALL = 0.1
"""What each call earns for the provider that would receive its hedge."""


class HedgeBudget:
    """In any period, a provider receives at most `MAX_SAVED` hedges plus `PER_CALL` for each call."""

    def __init__(self) -> None:
        self._saved: dict[str, float] = {}  # by provider: one entry for each target of the pipeline at most

    def earn(self, provider: str) -> None:
        """A call is sent whose hedge would go to `provider`."""
        saved = self._saved.get(provider, MAX_SAVED) + PER_CALL
        self._saved[provider] = min(MAX_SAVED, saved)

    def take(self, provider: str) -> bool:
        """Spend one hedge to `provider`; false if there is none left."""
        saved = self._saved.get(provider, MAX_SAVED)
        if saved < 1.0:
            return False
        self._saved[provider] = saved - 1.0
        return True

    def give_back(self, provider: str) -> None:
        """The hedge to `provider` was not sent."""
        self._saved[provider] = min(self._saved.get(provider, MAX_SAVED) + 1.0, MAX_SAVED)

    def left(self, provider: str) -> float:
        """The hedges that `provider` may receive now."""
        return self._saved.get(provider, MAX_SAVED)
