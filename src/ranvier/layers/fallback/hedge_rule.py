"""Decides when a hedge is sent, and limits how many are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ranvier import validation
from ranvier.messages.stateful_fields import any_stateful
from ranvier.messages.wire import WireTool

if TYPE_CHECKING:
    from ranvier.layers.fallback.contestant import Contestant
    from ranvier.layers.fallback.pace import Pace
    from ranvier.messages.request import Request
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.timing.limits import Limits

Quantile = Literal["p95", "p99"]
HedgeAfter = float | Quantile | None

PROBE_HEDGE = 2.0
"""The maximum delay of a hedge, in seconds, for a call that is a probe."""

MAX_SAVED = 10.0
"""Capacity of a hedge budget (a token bucket), which starts full."""

PER_CALL = 0.1
"""Hedges that each call adds to the budget of the provider that would receive its hedge."""


class HedgeRule:
    """When a route hedges: `after` a number of seconds or a quantile, but not before `least` seconds."""

    __slots__ = ("after", "least")

    def __init__(self, after: HedgeAfter, least: float) -> None:
        if isinstance(after, str):
            validation.choice("Fallback(hedge_after)", after, ("p95", "p99"))
        else:
            after = validation.seconds("Fallback(hedge_after)", after, optional=True)
        self.after = after
        self.least = validation.seconds("Fallback(hedge_min)", least)

    def usual(self, pace: Pace, limits: Limits, single: bool, now: float) -> float | None:
        """The hedge delay of an ordinary call; `None` means no hedge, also for a `single` unknown target."""
        if not isinstance(self.after, str):
            return self.after
        learned = pace.learned(now)
        if learned is not None:
            return max(learned, self.least)
        return None if single else pace.cold_hedge(limits)

    def delay(
        self, call: Call, contestant: Contestant, streamed: bool, single: bool, now: float
    ) -> float | None:
        """The delay of `call`; `None` means never."""
        request = call.request
        if (request.extra or request.tools) and call.hedge is None and keeps_state(request):
            return None
        if isinstance(self.after, str) and (not streamed or (contestant.probing and single)):
            return None
        if contestant.probing and not single:
            return min(PROBE_HEDGE, self.least)
        return self.usual(contestant.times, call.limits, single, now)


class HedgeBudget:
    """A token bucket: in any period, a provider gets at most `MAX_SAVED` hedges plus `PER_CALL` per call."""

    def __init__(self) -> None:
        self._saved: dict[str, float] = {}  # by provider; at most one entry per target of the pipeline

    def earn(self, provider: str) -> None:
        """Add `PER_CALL` for a call whose hedge would go to `provider`."""
        saved = self._saved.get(provider, MAX_SAVED) + PER_CALL
        self._saved[provider] = min(MAX_SAVED, saved)

    def take(self, provider: str) -> bool:
        """Spend one hedge to `provider`; false if none is left."""
        saved = self._saved.get(provider, MAX_SAVED)
        if saved < 1.0:
            return False
        self._saved[provider] = saved - 1.0
        return True

    def give_back(self, provider: str) -> None:
        """Refund a hedge to `provider` that was not sent."""
        self._saved[provider] = min(self._saved.get(provider, MAX_SAVED) + 1.0, MAX_SAVED)

    def left(self, provider: str) -> float:
        """The hedges that `provider` may receive now."""
        return self._saved.get(provider, MAX_SAVED)


def keeps_state(request: Request) -> bool:
    """True if `request` has a tool that the provider runs, or a field that makes the provider store state."""
    return any(isinstance(tool, WireTool) for tool in request.tools) or any_stateful(request.extra)
