"""What always has to hold, and the books of those who check it at every step.

They are told what providers, callers and onlooking layers see, and read nothing in ranvier's own books
but what is to be compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simulation.exchange import Exchange
from simulation.story import EPSILON, Story

INVARIANTS = {
    1: "every call ends exactly once, as its caller or its limits want, within its deadline plus one tick",
    2: "permits, slots, probes, timers and sockets in use return to zero",
    3: "at most max_probes probes are in flight in a circuit at any time",
    4: "no tenant's circuit changes through another tenant's calls, nor does its key serve them",
    5: "no request goes out earlier than its retry_after, nor after its deadline",
    6: "no call causes more requests than its stack allows",
    7: "a stream repeats no event, and no cut stream ends as a success",
    8: "a circuit moves as its description says",
    9: "every bound of the configuration holds",
    10: "the record of attempts is what the providers saw",
    11: "no wait outlasts its limit by more than a tick, or 1.25 s where a cancellation was swallowed once",
    12: "every piece of foreign code runs in the context of its own call",
    13: "the next target is asked within 2 s of a probe",
    14: "at most two requests of a call that have not lost are in flight",
    15: "every loser is awaited, and at most five go on at one target",
    16: "the budgets of retries and hedges hold at any time",
    17: "no shared circuit opens below its quorum, or rejects for another electorate",
    18: "what a tenant has settled and reserved never exceeds its limit, and includes every request",
}


class ViolationError(AssertionError):
    """An invariant does not hold."""


class Books:
    """The books of one world; the first violation ends it.

    Args:
        stop: Ends the world.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self.violation: ViolationError | None = None
        self._stop = stop
        self._time = asyncio.get_running_loop().time

    def fail(self, invariant: int, words: str, story: Story | None = None) -> None:
        """An invariant does not hold: remember the first, and end the world."""
        if self.violation is None:
            told = f"\n{story}" if story is not None else ""
            self.violation = ViolationError(
                f"invariant {invariant}, {INVARIANTS[invariant]}: {words}, at {self._time():.6f}{told}"
            )
            self._stop()

    # --- why something ended -----------------------------------------------------------------------

    def _check_met(self, exchange: Exchange, at: float) -> None:
        if not exchange.met_limit(at, -EPSILON):
            self.fail(1, f"{exchange.target} was given up before any limit was met", exchange.story)

    def _check_limits(self, exchange: Exchange) -> None:
        if not exchange.finished and exchange.met_limit(exchange.stopped, EPSILON):
            self.fail(1, f"{exchange.target} took longer than its limits allow", exchange.story)

    def _check_reason(self, exchange: Exchange) -> None:
        """A stream ends only by its provider, its reader, or its deadline."""
        story = exchange.story
        held = exchange.handed_out and exchange.ending is None and not story.reading
        if held and not (story.given_up or self._time() >= story.deadline - EPSILON):
            self.fail(1, "its stream ends, though its reader holds an event", story)
