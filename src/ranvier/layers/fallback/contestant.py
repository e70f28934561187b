"""One target that a call asks: its silence, its first content, and what becomes of it if another wins."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Any

from ranvier.errors.hedge_lost import HedgeLostError
from ranvier.layers.fallback.pace import Pace
from ranvier.pipeline.timing.limit import OVERTAKEN
from ranvier.pipeline.watch import Watch

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.layers.fallback.race import Race
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.timing.wait_timer import WaitTimer


class Contestant(Watch):
    """A target that a call asks, and the watch of the attempts there.

    Attributes:
        target: The target.
        task: The task that asks it; `None` if that is the caller's own.
        lost: Another target has answered first, or the route has given this one up.
        probing: The attempt in flight is a probe: it goes on to its own limits even if it has lost.
    """

    __slots__ = (
        "_answered",
        "_attempt",
        "_hang_at",
        "_hedge_at",
        "_pace",
        "_race",
        "_timer",
        "lost",
        "probing",
        "target",
        "task",
    )

    def __init__(self, race: Race[Any], target: Deployment, pace: Pace) -> None:
        super().__init__()
        self.target = target
        self.task: asyncio.Task[Any] | None = None
        self.lost = self.probing = False
        self._race = race
        self._pace = pace
        self._answered = False
        self._attempt: Attempt | None = None
        self._timer: WaitTimer | None = None
        self._hedge_at = self._hang_at = inf

    @property
    def since(self) -> float:
        """When the attempt in flight was sent."""
        return 0.0 if self._attempt is None else self._attempt.started

    # --- notifications from the attempt ----------------------------------------------------------

    def sent(self, call: Call, attempt: Attempt, timer: WaitTimer) -> None:
        """The request of `call` is sent: set the alarm for its hedge, or for its hang threshold."""
        self.silent = False
        self._attempt = attempt
        if self._answered:  # the repair of an answer, or a retry of one that broke
            return
        self._timer = timer
        self.probing = bool(call.probing)
        now = attempt.started
        delay = self._race.hedge_delay(self, call, now)
        self._hedge_at = inf if delay is None else now + delay
        self._hang_at = now + self._pace.hang_threshold(call.limits, now)
        timer.ring(min(self._hedge_at, self._hang_at), self._alarm)

    def alive(self, now: float) -> None:
        """A target whose times are not known shows signs of life: give it until its hang threshold."""
        if self._hedge_at < self._hang_at and not self.probing and self._pace.learned(now) is None:
            self._hedge_at = self._hang_at

    def content(self, now: float) -> bool:
        """The first content has arrived: true if this is the first target that has any."""
        attempt, timer = self._attempt, self._timer
        if timer is not None:
            self._timer = None
            if timer.alarm_at != inf:
                timer.mute()
        if not self._answered and attempt is not None:
            self._answered = True
            self._pace.add(now - attempt.started, now)
        self.silent = False
        observers, self.observers = self.observers, ()
        for observer in observers:
            observer.content()
        if self.lost:
            return False
        self.until = None
        self._race.won_by(self, now)
        return True

    def ended(self) -> None:
        """The target has answered or failed."""
        self._timer = None

    def _alarm(self, now: float) -> None:
        """The hedge is due, or the attempt has reached its hang threshold."""
        if self._hedge_at <= now:
            self._hedge_at = inf
            self._race.hedge(self, now)
        if self._hang_at <= now:
            self._hang_at = inf
            self._hang(now)
        following = min(self._hedge_at, self._hang_at)
        if following != inf and self._timer is not None:
            self._timer.ring(following, self._alarm)

    def _hang(self, now: float) -> None:
        self.silent = True
        self._pace.suspect(now)
        for observer in self.observers:
            observer.silent()
        if self.lost and not self.probing:
            self.stop()

    # --- decisions of the route ------------------------------------------------------------------

    def leave(self, after: float = 0.0) -> None:
        """The shared circuit of this target has opened: ask the next one."""
        if self.lost:
            self.stop()
        elif self._timer is not None and self._race.has_more:
            self._hedge_at = inf
            self._timer.ring(self._race.now() + after, self._rescue)

    def _rescue(self, now: float) -> None:
        if self._timer is not None:
            self._timer.interrupt("rescued")

    def lose(self, now: float) -> None:
        """Another target has won. The attempt may linger until its hang threshold, but is not waited for."""
        self.lost, self.until = True, -inf  # so that no further attempt is sent
        self._hedge_at = inf
        attempt = self._attempt
        if attempt is not None and not self._answered and attempt.outcome == "running":
            attempt.outcome, attempt.seconds = HedgeLostError.kind, now - attempt.started
            self._pace.add(attempt.seconds, now)
        if not self._lingers():
            self.stop()

    def _lingers(self) -> bool:
        """True if the attempt goes on in the background: as a probe, or until it counts as silent."""
        if self.task is None or self._timer is None or not self._timer.waiting:
            return False
        if self.silent and not self.probing:
            return False
        if self._pace.lingering >= self._race.max_lingering:
            return False
        self._pace.lingering += 1
        self.task.add_done_callback(self._ends_lingering)
        return True

    def _ends_lingering(self, task: asyncio.Task[Any]) -> None:
        self._pace.lingering -= 1

    def stop(self) -> None:
        """End the attempt now."""
        if self._timer is not None and self._timer.waiting:
            self._timer.interrupt(OVERTAKEN)
        elif self.task is not None:
            self.task.cancel()
