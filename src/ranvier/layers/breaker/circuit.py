"""The state machine of one circuit. Pure: it never waits, and time is what it is told.

    closed --- failure_threshold failures in a row ---> open
    open --- the next call after the cooldown, as a probe ---> half_open
    half_open --- success_threshold probes succeed ---> closed
    half_open --- one probe fails, or outlives its lease ---> open, for longer
    any --- isolate ---> isolated --- reset ---> closed

Every state has a generation. A result counts only in the generation in which its call was admitted,
so that a late one cannot decide about a state it knows nothing of.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from ranvier.clock import Clock
from ranvier.layers.breaker.state import CLOSED, HALF_OPEN, ISOLATED, OPEN, CircuitSnapshot, CircuitState
from ranvier.pipeline.outcome import FAILED, SUCCEEDED, Outcome


class Rules:
    """When a circuit opens, for how long, and when it closes again. All seconds are floats.

    `chance` returns numbers from 0 up to 1: it adds up to a fifth to each cooldown, so that the
    circuits of many tenants do not probe in step.
    """

    __slots__ = ("chance", "cooldown", "failure_threshold", "max_cooldown", "max_probes", "success_threshold")

    def __init__(
        self,
        failure_threshold: int,
        success_threshold: int,
        cooldown: float,
        max_cooldown: float | None,
        max_probes: int,
        chance: Callable[[], float],
    ) -> None:
        self.failure_threshold = failure_threshold
        self.success_threshold = success_threshold
        self.cooldown = cooldown
        self.max_cooldown = max_cooldown
        self.max_probes = max_probes
        self.chance = chance

    def cooldown_after(self, reopenings: int) -> float:
        """Seconds to stay open, when the circuit has opened `reopenings` times since it was last closed."""
        cooldown = self.cooldown
        if self.max_cooldown is not None and cooldown > 0:
            doublings = min(reopenings, 64)  # enough for any cooldown, and no float overflows
            cooldown = min(cooldown * 2.0**doublings, max(self.max_cooldown, cooldown))
        return cooldown * (1.0 + 0.2 * self.chance())


class Circuit:
    """One circuit: what it is in, what it counts, and who is under way through it."""

    __slots__ = (
        "_lock",
        "_probes",
        "entered_at",
        "failures",
        "generation",
        "in_flight",
        "number",
        "oldest",
        "reopenings",
        "reopens_at",
        "rules",
        "state",
        "successes",
        "total_opens",
    )

    def __init__(self, rules: Rules, number: int = 0) -> None:
        self.rules = rules
        self.number = number  # in the order in which circuits are made
        self.entered_at = math.inf  # for its registry: the moment at which to ask whether it may be forgotten
        self.state = CLOSED
        self.generation = 0  # moves with every change of state
        self.oldest = 0  # the generation in which its event loop began: what is older is gone
        self.failures = 0  # in a row, while closed
        self.successes = 0  # of probes, while half-open
        self.reopenings = 0  # since it was last closed
        self.reopens_at = 0.0  # when the cooldown is over, while open
        self.in_flight = 0  # calls admitted and not yet settled
        self.total_opens = 0
        self._probes: dict[object, float] | None = (
            None  # while half-open: who probes, and until when they may
        )
        self._lock: asyncio.Lock | None = None

    # --- admission -------------------------------------------------------------------------------

    def admit(self, who: object, now: float, lease: float) -> bool:
        """Let `who` pass, or not. A probe may hold its place for `lease` seconds until it is sent."""
        if self.state is CLOSED:
            self.in_flight += 1
            return True
        if self.refuses(now):
            return False
        if self._probes is None:  # it is open, and its cooldown is over
            self._enter(HALF_OPEN)
            self.successes = 0
            self._probes = {}
        if any(until <= now for until in self._probes.values()):
            self._open(now)  # a probe that outlived its lease is given up
            return False
        if len(self._probes) >= self.rules.max_probes:
            return False
        self._probes[who] = now + lease
        self.in_flight += 1
        return True

    def extend(self, who: object, now: float, lease: float) -> None:
        """If `who` is a probe, it may hold its place for `lease` seconds from now."""
        if self._probes is not None and who in self._probes:
            self._probes[who] = now + lease

    def retry_after(self, now: float) -> float | None:
        """Seconds until a refused call may be worth another try; `None` when nobody can say."""
        if self.state is OPEN:
            return max(self.reopens_at - now, 0.0)
        until = min(self._probes.values(), default=math.inf) if self._probes is not None else math.inf
        return None if until == math.inf else max(until - now, 0.0)

    def seen_at(self, now: float) -> CircuitSnapshot:
        """The circuit as it is now."""
        return CircuitSnapshot(
            self.state, self.failures, self.in_flight, self.total_opens, self.retry_after(now)
        )

    def refuses(self, now: float) -> bool:
        """True while no call at all may pass."""
        return self.state is ISOLATED or (self.state is OPEN and now < self.reopens_at)

    # --- results ---------------------------------------------------------------------------------

    def prove(self, who: object, now: float) -> bool:
        """A probe has shown that the provider answers. True if `who` was a probe, and is none any more."""
        probing = self._leave(who, now)
        if probing:
            self._succeed()
        return probing

    def settle(self, who: object, generation: int, outcome: Outcome, clock: Clock) -> None:
        """`who`, admitted in `generation`, has ended: give its place back, and count what counts."""
        self.in_flight -= 1
        if self._probes is not None:
            self._leave(who, clock())
        if generation != self.generation:
            return
        if outcome is FAILED:
            self._fail(clock())
        elif outcome is SUCCEEDED:
            if self.state is CLOSED:
                self.failures = 0
            else:
                self._succeed()

    def _leave(self, who: object, now: float) -> bool:
        """Give back the place of a probe; one that outlived its lease opens the circuit instead."""
        until = None if self._probes is None else self._probes.pop(who, None)
        if until is None:
            return False
        if until > now:
            return True
        self._open(now)
        return False

    def _succeed(self) -> None:
        """A probe has; a listener may have isolated the circuit as it heard of the probe."""
        if self.state is HALF_OPEN:
            self.successes += 1
            if self.successes >= self.rules.success_threshold:
                self.close()

    def _fail(self, now: float) -> None:
        if self.state is CLOSED:
            self.failures += 1
            if self.failures < self.rules.failure_threshold:
                return
        if self.state in (CLOSED, HALF_OPEN):
            self._open(now)

    # --- changes of state ------------------------------------------------------------------------

    def close(self) -> None:
        """Closed, with nothing held against the provider."""
        self._enter(CLOSED)
        self.failures = 0
        self.reopenings = 0

    def isolate(self) -> None:
        """Refuse everything until `close`."""
        self._enter(ISOLATED)

    def start_anew(self, shift: float) -> None:
        """Go on, in the same state, on an event loop whose clock is `shift` seconds ahead of the old one's.

        Who was under way on the old one is gone; should one of them settle all the same, it does nothing.
        """
        self.generation += 1
        self.oldest = self.generation
        self.entered_at = math.inf
        self.in_flight = 0
        self.reopens_at += shift
        self._probes = None if self._probes is None else {}
        self._lock = None  # whoever held it never gives it back

    def _open(self, now: float) -> None:
        self._enter(OPEN)
        self.reopens_at = now + self.rules.cooldown_after(self.reopenings)
        self.reopenings += 1
        self.total_opens += 1

    def _enter(self, state: CircuitState) -> None:
        self.state = state
        self.generation += 1
        self._probes = None

    @property
    def lock(self) -> asyncio.Lock:
        """Serialises what must wait (an operator's commands); never held while a call is under way."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock
