"""One target that a call asks: its silence, its first content, and its end if another target wins."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Protocol

from ranvier.errors.hedge_lost import HedgeLostError
from ranvier.errors.root import RanvierError
from ranvier.layers.fallback.pace import MAX_LINGERING, Pace
from ranvier.pipeline.call import Watch
from ranvier.pipeline.timing.limit import OVERTAKEN

if TYPE_CHECKING:
    from ranvier.caller import Caller
    from ranvier.facts.attempt import Attempt
    from ranvier.layers.fallback.hedge_rule import HedgeBudget
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.timing.alarm import Alarm
    from ranvier.pipeline.timing.limits import Limits


class Course(Protocol):
    """The interface of a race for its contestants."""

    detects_silence: bool
    rescued: bool
    caller: Caller | None

    @property
    def later(self) -> tuple[Deployment, ...]:
        """The targets that have not been asked."""

    @property
    def has_more(self) -> bool:
        """True if another target is in flight or can be asked."""

    def now(self) -> float:
        """The time on the pipeline's clock."""

    def hedge_delay(self, contestant: Contestant, call: Call, streamed: bool, now: float) -> float | None:
        """Seconds of silence after which another target is asked as well; `None` means never."""

    def hedge(self, silent: Contestant, now: float) -> None:
        """Ask another target as well."""

    def first_sent(self, contestant: Contestant) -> None:
        """The first request to the target of `contestant` is sent."""

    def won_by(self, contestant: Contestant, now: float) -> None:
        """`contestant` has content."""


class Contestant(Watch):
    """A target that a call asks, and the watch of the attempts there.

    Attributes:
        target: The target.
        pace: Its usual times to the first content.
        times: The pace of the endpoint of the attempt in flight, which may be a tenant's own endpoint.
        task: The task that asks it; `None` if the caller's own task does.
        paid_from: The hedge budget that paid for it, if it is a hedge and has not been sent.
        is_hedge: True if it is asked because another target is silent.
        probing: True if the attempt in flight is a probe, which continues to its own limits even if it lost.
    """

    task: asyncio.Task[None] | None = None
    paid_from: HedgeBudget | None = None
    is_hedge: bool = False
    probing: bool = False
    _answered: bool = False
    _attempt: Attempt | None = None
    _streamed: bool = False
    _limits: Limits
    _timer: Alarm | None = None  # the timer of the attempt in flight, until its first content
    _hedge_at: float = inf
    _hang_at: float = inf

    def __init__(self, race: Course, target: Deployment, pace: Pace) -> None:
        self.target = target
        self.pace = self.times = pace
        self.rescued = race.rescued
        self._race = race

    @property
    def given_up(self) -> bool:  # type: ignore[override]  # because: it changes with the caller
        """True once the caller has cancelled: asyncio notifies only the caller's own task at once."""
        caller = self._race.caller
        return self.task is not None and caller is not None and caller.has_given_up

    @property
    def later(self) -> tuple[Deployment, ...]:
        """The targets that the call may still be sent to."""
        return self._race.later

    @property
    def since(self) -> float:
        """When the attempt in flight was sent."""
        return 0.0 if self._attempt is None else self._attempt.started

    # --- notifications from the attempt ----------------------------------------------------------

    def sent(self, call: Call, attempt: Attempt, timer: Alarm, *, streamed: bool) -> None:
        """The request of `call` is sent: set the alarm for its hedge, or for its hang threshold."""
        if self._attempt is None:
            self._race.first_sent(self)
        self._attempt = attempt
        self.paid_from = None
        if self._answered or not self._race.detects_silence:
            return  # for example the repair of an answer
        self.silent = False
        self._timer = timer
        self._limits = call.limits
        self.times = self.pace.at(attempt.endpoint)
        self.probing = bool(call.probing)
        now = attempt.started
        delay = self._race.hedge_delay(self, call, streamed, now)
        self._streamed = streamed
        self._hang_at = -inf if streamed else inf  # computed when it is needed
        self._hedge_at = due = inf if delay is None else now + delay
        if streamed and (delay is None or self.times.hangs_within(self._limits, delay)):
            due = min(due, self._hangs_at(now))
        if due != inf:
            timer.ring(due, self._alarm)

    def alive(self, now: float) -> None:
        """Delay the hedge to the hang threshold: a target with unknown times has sent something."""
        if now < self._hedge_at < inf and not self.probing and self.times.learned(now) is None:
            self._hedge_at = max(self._hedge_at, self._hangs_at(now))

    def _hangs_at(self, now: float) -> float:
        """When the attempt in flight reaches its hang threshold; computed when it is first needed."""
        if self._hang_at == -inf:
            self._hang_at = self.since + self.times.hang_threshold(self._limits, now)
        return self._hang_at

    def content(self, now: float) -> bool:
        """The first content has arrived: true if this is the first target that has any."""
        attempt, timer = self._attempt, self._timer
        self._answered = True
        if timer is not None and attempt is not None:
            self._timer = None
            if timer.alarm_at != inf:
                timer.mute()
            if attempt.fault is None:
                self.times.content(now - attempt.started if self._streamed else None, now)
                if self.times is not self.pace:
                    self.pace.content(None, now)
            self.silent = False
        if self.observers:
            observers, self.observers = self.observers, ()
            for observer in observers:
                observer.content()
        if self.lost:
            return False
        self.until = None
        self._race.won_by(self, now)
        return True

    def ended(self) -> None:
        """The target has answered or failed. A hedge that was not sent is refunded."""
        self._timer = None
        if self.paid_from is not None:
            self.paid_from.give_back(self.target.provider.name)
            self.paid_from = None

    def ended_by(self, error: BaseException) -> bool:
        """Record that the attempt ended with `error`; false if the error is foreign and has to be raised.

        An attempt that has lost may end with any `Exception`, for example one of a custom layer.
        """
        self.ended()
        return isinstance(error, RanvierError) or (self.lost and isinstance(error, Exception))

    def _alarm(self, now: float) -> None:
        """The hedge is due, or the attempt has reached its hang threshold."""
        if self._hedge_at <= now:
            self._hedge_at = inf
            self._race.hedge(self, now)
        if self._hangs_at(now) <= now:
            self._hang_at = inf
            self._hang(now)
        following = min(self._hedge_at, self._hang_at)
        if following != inf and self._timer is not None:
            self._timer.ring(following, self._alarm)

    def _hang(self, now: float) -> None:
        self.silent = True
        self.pace.suspect(now)
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
            self._race.rescued = True
            self._timer.interrupt("rescued")

    def lose(self, now: float) -> None:
        """Another target has won. The attempt may continue until its hang threshold, in the background."""
        self.lost, self.until = True, None
        self._hedge_at = inf
        attempt = self._attempt
        if attempt is not None and not self._answered and attempt.outcome == "running":
            attempt.outcome, attempt.seconds = HedgeLostError.kind, now - attempt.started
            if self._streamed and attempt.fault is None:
                self.times.silence(attempt.seconds, now)
        if not self._lingers():
            self.stop()

    def _lingers(self) -> bool:
        """True if the attempt continues in the background: as a probe, or until it counts as silent."""
        if self.task is None or self._timer is None or not self._timer.waiting:
            return False
        if self.silent and not self.probing:
            return False
        if self.pace.lingering >= MAX_LINGERING:
            return False
        self.pace.lingering += 1
        self.task.add_done_callback(self._ends_lingering)
        return True

    def _ends_lingering(self, task: asyncio.Task[None]) -> None:
        self.pace.lingering -= 1

    def stop(self) -> None:
        """End the attempt now."""
        if self._timer is not None and self._timer.waiting:
            self._timer.interrupt(OVERTAKEN)
        elif self.task is not None:
            self.task.cancel()
