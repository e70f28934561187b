"""A circuit that also opens by the share of failed or slow calls within a sliding window.

Pure, like `Circuit`. Circuits without windows are of the plain class, and cost nothing more.
"""

from __future__ import annotations

import math

from ranvier import validation
from ranvier.clock import Clock
from ranvier.errors.configuration import ConfigurationError
from ranvier.facts.circuit import CLOSED, HALF_OPEN, CircuitState
from ranvier.layers.breaker.circuit import Circuit
from ranvier.pipeline.outcome import ABANDONED, FAILED, Outcome
from ranvier.pipeline.timing.sliding_counts import SlidingCounts

CALLS, FAILURES, TIMED, SLOW = range(4)
"""The kinds that are counted."""


class Windows:
    """The rates that open a circuit; a rate of `None` is off.

    Attributes:
        failure_rate: The share of failed calls.
        minimum: The minimum number of calls in a window before its rates count.
        seconds: The length of the window.
        slow_after: Seconds to the first content after which a call is slow; `None` means never.
        slow_rate: The share of slow calls.
    """

    __slots__ = ("failure_rate", "minimum", "seconds", "slow_after", "slow_rate")

    def __init__(
        self,
        failure_rate: float | None,
        minimum: int,
        seconds: float,
        slow_after: float | None,
        slow_rate: float,
    ) -> None:
        self.failure_rate = (
            None if failure_rate is None else validation.share("Breaker(failure_rate)", failure_rate)
        )
        self.minimum = validation.count("Breaker(minimum)", minimum, least=1)
        self.seconds = validation.seconds("Breaker(window)", seconds)
        if not 0 < self.seconds < math.inf:
            raise ConfigurationError(f"Breaker(window)={seconds!r}: give a number of seconds above 0")
        self.slow_after = validation.seconds("Breaker(slow_first_token)", slow_after, optional=True)
        self.slow_rate = validation.share("Breaker(slow_rate)", slow_rate)

    @property
    def used(self) -> bool:
        """True if either share can open a circuit."""
        return self.failure_rate is not None or self.slow_after is not None

    def settings(self) -> dict[str, float]:
        """The options of the breaker that are in use."""
        shares = {} if self.failure_rate is None else {"failure_rate": self.failure_rate}
        slow = (
            {}
            if self.slow_after is None
            else {"slow_first_token": self.slow_after, "slow_rate": self.slow_rate}
        )
        return {**shares, **slow, "minimum": self.minimum, "window": self.seconds}


class WindowedCircuit(Circuit):
    """A circuit with windows, if its settings have any.

    Failures are counted when a call ends, slow streams at their first content. A slow probe counts as failed.
    """

    __slots__ = ()

    def time(self, permit: object, generation: int, slow: bool, now: float) -> None:
        """Count whether the content of `permit`, admitted in `generation`, began too late."""
        windows = self.rules.windows
        if generation != self.generation or windows is None:
            return
        if self.state is CLOSED:
            self._count(TIMED, SLOW, slow, windows.slow_rate, now)
        elif slow and self.state is HALF_OPEN and self._leave(permit, now):
            self._open(now)

    def settle(self, permit: object, generation: int, outcome: Outcome, clock: Clock) -> None:
        """Release `permit`, and count its outcome if it counts."""
        counts = self.state is CLOSED and generation == self.generation and outcome is not ABANDONED
        super().settle(permit, generation, outcome, clock)
        windows = self.rules.windows
        if counts and self.state is CLOSED and windows is not None and windows.failure_rate is not None:
            self._count(CALLS, FAILURES, outcome is FAILED, windows.failure_rate, clock())

    def start_anew(self, shift: float) -> None:
        """Move to another event loop, with an empty window."""
        super().start_anew(shift)
        self._counts = None

    def _count(self, total: int, bad: int, is_bad: bool, rate: float, now: float) -> None:
        """Count a call in `total`, and a bad one also in `bad`; open if the rate of bad ones is too high."""
        windows = self.rules.windows
        assert windows is not None
        if self._counts is None:
            self._counts = SlidingCounts(4, windows.seconds)
        counts = self._counts
        counts.add(total, now)
        if is_bad:
            counts.add(bad, now)
            if counts.totals[total] >= windows.minimum and counts.totals[bad] >= rate * counts.totals[total]:
                self._open(now)

    def _enter(self, state: CircuitState) -> None:
        super()._enter(state)
        self._counts = None
