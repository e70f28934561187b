"""The reservation of one call within the limits of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.clock import earliest
from ranvier.facts.rate_limits import RateLimits
from ranvier.layers.pacing.key_limits import Costs, Reservation
from ranvier.layers.pacing.paced_key import PacedKey, Turn
from ranvier.pipeline.queueing.tenants import Entry
from ranvier.pipeline.queueing.waiter import ADMITTED, MOVED, Waiter
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.waiting.held import RequeueError
from ranvier.pipeline.waiting.worth import IN_QUEUES, waited

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.layers.pacing.layer import Pacing
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.outcome import Outcome


class HeldAllowance:
    """A reservation that a call holds, has given back, or waits for.

    A call that waits in an inner layer holds no reservation meanwhile. After that wait it reserves again if
    it fits, or returns to wait here, ahead of the later calls of its tenant.

    Attributes:
        latest: The time until which the call may wait at its target in total; `None` means no limit.
    """

    __slots__ = (
        "_before",
        "_call",
        "_costs",
        "_entry",
        "_layer",
        "_outer",
        "_paced",
        "_reservation",
        "latest",
    )

    def __init__(self, layer: Pacing, call: Call, paced: PacedKey) -> None:
        self._layer = layer
        self._call = call
        self._paced = paced
        self._costs = paced.estimates.of(call.request, call.tenant)
        self._reservation: Reservation | None = None
        self._entry: Entry[Turn] | None = None  # in the queue, if the call has waited
        self._before: tuple[Attempt, ...] = call.record.attempts
        self._outer = call.held
        self.latest: float | None = None
        if layer.max_wait is not None:
            self.latest = call.pipeline.clock() + layer.max_wait - waited(call, *IN_QUEUES)
        if call.held is not None:
            self.latest = earliest(self.latest, call.held.latest)

    def standing(self) -> tuple[float, int]:
        """The weight of the tenant, and the priority of the call."""
        return (1.0, 0) if self._outer is None else self._outer.standing()

    # --- without waiting -------------------------------------------------------------------------

    def try_take(self) -> bool:
        """Reserve, if the call fits within the limits and no call waits for them."""
        now = self._call.pipeline.clock()
        self._before = self._call.record.attempts
        if not self._paced.admits(self._costs, now):
            return False
        self._reservation = self._paced.limits.take(self._costs, now)
        return True

    def give_back(self) -> None:
        """Release the reservation, because the call begins to wait further in."""
        self._release(Costs(0.0))
        if self._outer is not None:
            self._outer.give_back()

    def take_back(self) -> None:
        """Reserve again, because the wait has ended.

        Raises:
            RequeueError: the call does not fit within the limits now.
        """
        if self._outer is not None:
            self._outer.take_back()
        if not self.try_take():
            raise RequeueError(self)

    def hear(self, limits: RateLimits, counted: bool) -> None:
        """Take over the reported `limits`; `counted` is false if the call was rejected because of a limit."""
        reservation = self._reservation
        if reservation is None or not isinstance(limits, RateLimits):
            return
        if not counted:
            self._paced.limits.give_back(reservation)
            self._reservation = None
        self._paced.limits.report(limits, reservation, self._call.pipeline.clock(), counted=counted)
        self._paced.advance(self._call)

    def began(self) -> None:
        """The call is a stream: it holds its part until it ends."""

    def end(self, outcome: Outcome | None = None) -> None:
        """The call has ended here: settle what it has used."""
        call = self._call
        sent = [
            each
            for each in call.record.attempts[len(self._before) :]
            if each.target == call.deployment.target and (each.billable or each.fault is None)
        ]  # without those that `Chaos` has answered
        self._release(self._used(sent) if sent else Costs(0.0))

    def _used(self, sent: list[Attempt]) -> Costs | None:
        """The use of the attempts in `sent`; `None` if it is not known."""
        usages = [each.usage for each in sent if each.usage is not None and each.usage.total > 0]
        if len(usages) < len(sent):
            return None
        for usage in usages:
            self._paced.estimates.learn(self._call.request, self._call.tenant, usage)
        prompt = sum(each.input for each in usages)
        fresh = prompt - sum(each.cache_read for each in usages)  # cached tokens do not count as input
        answer = sum(each.output for each in usages)
        return Costs(float(len(sent)), float(fresh), float(answer), float(prompt + answer))

    def _release(self, used: Costs | None) -> None:
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            if used is not None and not used.requests:
                self._paced.limits.give_back(reservation)
            else:
                self._paced.limits.settle(reservation, used)
        entry, self._entry = self._entry, None
        if entry is not None:
            self._paced.leave(entry, self._call, used)
        self._paced.advance(self._call)

    # --- waiting ---------------------------------------------------------------------------------

    async def wait(self, *, first: bool) -> None:
        """Wait until the call fits within the limits; `first` is true for one that has waited here before.

        Raises:
            PacedError: waiting does not help, or the call did not fit in time.
        """
        call, layer, paced = self._call, self._layer, self._paced
        now = call.pipeline.clock()
        due = earliest(earliest(self.latest, call.deadline), call.watch.until)
        weight, priority = self.standing()
        layer.announce_used_up(call, paced, self._costs, now)
        if (reason := layer.obstacle(call, paced, self._costs, weight, due)) is not None:
            raise layer.rejection(call, paced, self._costs, weight, reason)
        if self._outer is not None:
            self._outer.give_back()
        turn = Turn(Waiter(call, due, lambda: layer.helps(call, due), self._outer), self._costs)
        self._entry = paced.enqueue(turn, call, now, weight=weight, priority=priority, first=first)
        how = ""
        try:
            how = await turn.waiter.wait(paced.queue)  # type: ignore[arg-type]  # because: only its length is read
        finally:
            recorder.waited(call, "pacing", now)
            self._reservation = turn.reservation
            if how != ADMITTED:
                self._release(Costs(0.0))
        if how == MOVED:
            raise RequeueError(turn.waiter.moved_by)
        if how != ADMITTED:
            raise layer.rejection(call, paced, self._costs, weight, how)
        self._before = call.record.attempts
