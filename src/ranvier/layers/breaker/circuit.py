"""The state machine of one circuit. Pure: it never waits, and the caller passes the time.

    closed --- failure_threshold failures in a row ---> open
    open --- the next call after the cooldown, as a probe ---> half_open
    half_open --- success_threshold probes succeed ---> closed
    half_open --- one probe fails, or outlives its lease ---> open, for longer
    any --- isolate ---> isolated --- reset ---> closed

Every change of state starts a new generation. A result counts only in the generation in which its call
was admitted, so that a late result cannot change a later state.
"""

from __future__ import annotations

import asyncio
import math

from ranvier.clock import Clock
from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, OPEN, CircuitSnapshot, CircuitState
from ranvier.layers.breaker.settings import OFF, CircuitSettings
from ranvier.pipeline.outcome import FAILED, SUCCEEDED, Outcome
from ranvier.pipeline.timing.sliding_counts import SlidingCounts


class Circuit:
    """One circuit: its state, its counts, and its probes."""

    __slots__ = (
        "_counts",
        "_lock",
        "_probes",
        "entered_at",
        "failures",
        "generation",
        "in_flight",
        "number",
        "oldest",
        "opened_at",
        "reopenings",
        "reopens_at",
        "rules",
        "state",
        "successes",
        "total_opens",
    )

    def __init__(self, rules: CircuitSettings, number: int = 0) -> None:
        self.rules = rules
        self.number = number  # counts circuits in the order of their creation
        self.entered_at = math.inf  # for its registry: when to check whether it may be evicted
        self.state = CLOSED
        self.generation = 0  # goes up with every change of state
        self.oldest = 0  # the first generation on this event loop: calls of older ones are gone
        self.failures = 0  # in a row, while closed
        self.successes = 0  # probes that succeeded, while half-open
        self.reopenings = 0  # since it was last closed
        self.opened_at = 0.0  # when it opened last
        self.reopens_at = 0.0  # while open: when the cooldown ends
        self.in_flight = 0  # calls admitted and not yet settled
        self.total_opens = 0
        self._probes: dict[object, float] | None = (
            None  # while half-open: the probes, and when the lease of each expires
        )
        self._lock: asyncio.Lock | None = None
        self._counts: SlidingCounts | None = None  # of a `WindowedCircuit`, since the circuit was closed

    # --- admission -------------------------------------------------------------------------------

    def admit(self, permit: object, now: float, lease: float) -> bool:
        """Admit `permit` if the state allows it. A probe must be sent within `lease` seconds."""
        if self.state is CLOSED:
            self.in_flight += 1
            return True
        if self.rejects(now):
            return False
        if self._probes is None:  # open, and the cooldown has ended
            self._enter(HALF_OPEN)
            self.successes = 0
            self._probes = {}
        if any(until <= now for until in self._probes.values()):
            self._open(now)  # a probe whose lease has expired counts as failed
            return False
        if len(self._probes) >= self.rules.max_probes:
            return False
        self._probes[permit] = now + lease
        self.in_flight += 1
        return True

    def extend(self, permit: object, now: float, lease: float) -> None:
        """If `permit` is a probe, let its lease expire `lease` seconds from now."""
        if self._probes is not None and permit in self._probes:
            self._probes[permit] = now + lease

    def retry_after(self, now: float) -> float | None:
        """Seconds until a rejected call is worth another try; `None` if unknown."""
        if self.state is OPEN:
            return max(self.reopens_at - now, 0.0)
        until = min(self._probes.values(), default=math.inf) if self._probes is not None else math.inf
        return None if until == math.inf else max(until - now, 0.0)

    def seen_at(self, now: float) -> CircuitSnapshot:
        """A snapshot of the circuit."""
        return CircuitSnapshot(
            self.state, self.failures, self.in_flight, self.total_opens, self.retry_after(now)
        )

    def recover(self, recovered_at: float, now: float) -> None:
        """End the cooldown if the circuit opened before `recovered_at`, when the provider recovered."""
        if self.state is OPEN and self.opened_at < recovered_at:
            self.reopens_at = min(self.reopens_at, now)

    def rejects(self, now: float) -> bool:
        """True while the circuit rejects every call."""
        return self.state is ISOLATED or (self.state is OPEN and now < self.reopens_at)

    # --- results ---------------------------------------------------------------------------------

    def prove(self, permit: object, now: float) -> bool:
        """Count `permit` as a successful probe: the provider answers. True if it was a probe until now."""
        probing = self._leave(permit, now)
        if probing:
            self._succeed()
        return probing

    def time(self, permit: object, generation: int, slow: bool, now: float) -> None:
        """Count whether the content of `permit` began too late; only with windows."""

    def settle(self, permit: object, generation: int, outcome: Outcome, clock: Clock) -> None:
        """Release `permit`, admitted in `generation`, and count its outcome if it counts."""
        self.in_flight -= 1
        if self._probes is not None:
            self._leave(permit, clock())
        if generation != self.generation:
            return
        if outcome is FAILED:
            self._fail(clock())
        elif outcome is SUCCEEDED:
            if self.state is CLOSED:
                self.failures = 0
            else:
                self._succeed()

    def count_silence(self, generation: int, now: float, sent: float) -> None:
        """Count a silent attempt, admitted in `generation` and sent at `sent`, as a failure in advance.

        If it is a probe, the new cooldown starts at `sent`: part of it has passed during the silence.
        """
        probed = self.state is HALF_OPEN
        if generation == self.generation:
            self._fail(now)
            if probed:
                self.reopens_at = max(now, self.reopens_at - (now - sent))

    def _leave(self, permit: object, now: float) -> bool:
        """Release a probe, and return true; if its lease has expired, open the circuit instead."""
        until = None if self._probes is None else self._probes.pop(permit, None)
        if until is None:
            return False
        if until > now:
            return True
        self._open(now)
        return False

    def _succeed(self) -> None:
        """Count a successful probe, unless a listener has isolated the circuit in the meantime."""
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
        """Close the circuit and reset its counts of failures and reopenings."""
        self._enter(CLOSED)
        self.failures = 0
        self.reopenings = 0

    def isolate(self) -> None:
        """Reject every call until `close`."""
        self._enter(ISOLATED)

    def open_elsewhere(self, seconds: float, now: float) -> None:
        """Open the circuit for `seconds`, because another worker has opened the circuit of the same key."""
        if self.state is CLOSED:
            self._open(now)
            self.reopens_at = now + min(seconds, self.rules.longest_cooldown)

    def follow(self, rules: CircuitSettings, kind: type[Circuit]) -> None:
        """Keep the state with other settings, as a circuit of class `kind`. A window starts anew."""
        self.rules, self._counts = rules, None
        self.__class__ = kind
        if rules.mode == OFF and self.state is not ISOLATED:
            self.close()

    def start_anew(self, shift: float) -> None:
        """Move to an event loop whose clock is `shift` seconds ahead of the old one's; keep the state.

        Calls in flight on the old loop are gone; if one of them still settles, it has no effect.
        """
        self.generation += 1
        self.oldest = self.generation
        self.entered_at = math.inf
        self.in_flight = 0
        self.opened_at += shift
        self.reopens_at += shift
        self._probes = None if self._probes is None else {}
        self._lock = None  # a holder on the old loop never releases it

    def _open(self, now: float) -> None:
        self._enter(OPEN)
        self.opened_at = now
        self.reopens_at = now + self.rules.cooldown_after(self.reopenings)
        self.reopenings += 1
        self.total_opens += 1

    def _enter(self, state: CircuitState) -> None:
        self.state = state
        self.generation += 1
        self._probes = None

    @property
    def lock(self) -> asyncio.Lock:
        """Serialises an operator's commands; never held while a call is in flight."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock
