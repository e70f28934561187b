"""One call on its way through its targets: one after the other, and at most two at a time.

The first target is asked in the caller's task. When it is silent for too long, the next one is asked as
well, in a task of its own (a hedge), and the first content wins. A target that is suspected of being silent
is asked in a task of its own from the start, so that it can go on without the caller: what it does then
shows whether its circuit has to open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, Generic

from ranvier.errors.rejected import RejectedError, SharedCircuitOpenError
from ranvier.errors.root import RanvierError
from ranvier.errors.scope import Scope
from ranvier.events import HedgeSent, HedgeWithheld
from ranvier.facts.attempt import EMPTY, SUCCEEDED
from ranvier.layers.fallback.contestant import Contestant
from ranvier.layers.fallback.keys import by_keys
from ranvier.layers.fallback.verdict import Failures, fall_back, out_of_time, too_small, verdict
from ranvier.pipeline.asking.foreign import own_error
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, R
from ranvier.pipeline.reporting import recorder

if TYPE_CHECKING:
    from ranvier.layers.fallback.layer import Fallback


class Race(Generic[R]):
    """Carries one call through the targets of its chain."""

    __slots__ = (
        "_answer",
        "_bad_endpoints",
        "_call",
        "_deferred",
        "_empty",
        "_failures",
        "_fatal",
        "_in_flight",
        "_inner",
        "_layer",
        "_passed_over",
        "_previous",
        "_remaining",
        "_single",
        "_wake",
        "_winner",
    )

    def __init__(self, layer: Fallback, call: Call, chain: tuple[Deployment, ...], inner: Handler[R]) -> None:
        self._layer = layer
        self._call = call
        self._inner = inner
        self._remaining = deque(chain)
        self._single = len(chain) == 1
        self._deferred: tuple[Deployment, ...] = ()  # at an endpoint that failed: they come last
        self._bad_endpoints: tuple[str, ...] = ()
        self._passed_over: tuple[tuple[float, Deployment], ...] = ()  # by a shared circuit alone
        self._in_flight: tuple[Contestant, ...] = ()  # oldest first; at most two that have not lost
        self._winner: Contestant | None = None
        self._failures: Failures = ()
        self._answer: R | None = None
        self._empty: R | None = None  # the first empty answer
        self._fatal: BaseException | None = None
        self._previous: tuple[Deployment, str] | None = None  # the target tried last, and why it was left
        self._wake: asyncio.Future[None] | None = None

    async def run(self) -> R:
        """The answer of the first target that has one.

        Raises:
            RanvierError: no target answered, or an error that other targets would return too.
        """
        try:
            while (target := self._next()) is not None:
                await self._ask(target)
                if self._in_flight:
                    await self._tasks()
                if self._fatal is not None:
                    raise self._fatal
                if self._answer is not None:
                    return self._answer
            return await self._without_answer()
        except asyncio.CancelledError:
            await self._cancel()
            raise
        finally:
            # Each error refers to this frame: references from here would make a cycle.
            if self._in_flight:
                self._leave_all()
            self._failures = self._in_flight = ()
            self._answer = self._empty = self._fatal = self._winner = None

    # --- asking ----------------------------------------------------------------------------------

    async def _ask(self, target: Deployment) -> None:
        """Ask `target`, in this task if it can be trusted to answer or fail soon."""
        contestant = Contestant(self, target, self._layer.pace_of(target))
        call = self._directed(contestant)
        if self._layer.hedges and self._is_suspect(call, target):
            self._launch(contestant, call)
            return
        self._in_flight += (contestant,)
        try:  # the key is never a local variable: a traceback report might show it
            answer = await by_keys(call, self._inner)
        except RanvierError as error:
            self._leave_flight(contestant)
            self._failed(contestant, call, error)
        else:
            self._leave_flight(contestant)
            self._answered(contestant, answer)
        finally:
            self._leave_flight(contestant)

    def _directed(self, contestant: Contestant, reason: str | None = None) -> Call:
        """The call at the target of `contestant`."""
        call, target, layer = self._call, contestant.target, self._layer
        now = call.pipeline.clock()
        if call.deadline is not None and call.deadline <= now:
            raise out_of_time(target, self._failures)
        if reason is None and self._previous is not None:
            reason = fall_back(call, target, *self._previous)
        directed = call.to(target, None, reason)
        directed.watch = contestant
        later = contestant.later = (*self._remaining, *self._deferred)
        if later:
            if layer.hedges:
                layer.budget.earn(later[0].provider.name)
            if call.deadline is not None and layer.reserve is not None:
                contestant.until = layer.turn_ends(call.deadline, now, later)
        elif self._single and layer.hedges:
            layer.budget.earn(target.provider.name)
        return directed

    def _is_suspect(self, call: Call, target: Deployment) -> bool:
        """True if the attempt may have to go on without its caller."""
        if call.hedge is False or call.watch.last_target:
            return False
        layer = self._layer
        if call.pipeline.clock() < layer.pace_of(target).suspect_until:
            return True
        return any(each.may_probe(call) for each in layer.probing_layers)

    def _launch(self, contestant: Contestant, call: Call) -> None:
        """Ask a target in a task of its own."""
        self._in_flight += (contestant,)
        pipeline, record = self._call.pipeline, self._call.record
        task = contestant.task = pipeline.in_background(
            _asked(self, contestant, call),
            record.context or copy_context(),
            f"an attempt at {contestant.target}",
            cut_off=True,
        )
        task.add_done_callback(_retrieve)

    async def carry(self, contestant: Contestant, call: Call) -> None:
        """Ask a target, in the task of `contestant`."""
        try:
            answer = await by_keys(call, self._inner)
        except RanvierError as error:
            self._leave_flight(contestant)
            if not contestant.lost:
                self._failed(contestant, call, error)
        except BaseException as error:
            self._leave_flight(contestant)
            if not contestant.lost and self._fatal is None:
                self._fatal = error
        else:
            self._leave_flight(contestant)
            if not contestant.lost:
                self._answered(contestant, answer)
        self._wake_up()

    def _leave_flight(self, contestant: Contestant) -> None:
        contestant.ended()
        if contestant in self._in_flight:
            self._in_flight = tuple(each for each in self._in_flight if each is not contestant)

    async def _tasks(self) -> None:
        """Wait until a target has answered, or all that are in flight have failed."""
        while self._answer is None and self._fatal is None and any(not each.lost for each in self._in_flight):
            self._wake = self._call.pipeline.loop.create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # --- results ---------------------------------------------------------------------------------

    def _answered(self, contestant: Contestant, answer: R) -> None:
        if not self._single and self._layer.falls_back_on(self._call, answer):
            self._call.record.answered_nothing()
            self._empty = self._empty or answer
            self._previous = contestant.target, EMPTY
            self._winner = None
            self._replace(contestant)
            return
        self.won_by(contestant, self.now())
        self._answer = answer

    def _failed(self, contestant: Contestant, call: Call, error: RanvierError) -> None:
        """Record the failure of a target; end the call if other targets would fail in the same way."""
        if contestant.lost:
            return
        target = contestant.target
        if self._winner is contestant:
            self._winner = None
        if isinstance(error, RejectedError):
            recorder.waited(call, "skipped", self.now(), error.kind)
        if not self._layer.fails_over(error):
            if self._empty is None:
                self._fatal = error
            else:
                self._remaining.clear()
                self._deferred = ()
            return
        if isinstance(error, SharedCircuitOpenError):
            self._passed_over += ((error.retry_after or 0.0, target),)
        elif getattr(error, "scope", None) is Scope.ENDPOINT:
            self._bad_endpoints += (target.provider.name,)
        self._failures += ((target, own_error(call, error)),)
        self._previous = target, error.kind
        self._replace(contestant)

    def _replace(self, contestant: Contestant) -> None:
        """A hedge has failed while the target before it is still silent: ask the next one."""
        ahead = [each for each in self._in_flight if not each.lost]
        if contestant.task is not None and ahead and self._winner is None:
            ahead[0].hedged = False
            self.hedge(ahead[0], self.now())

    async def _without_answer(self) -> R:
        """The first empty answer; or that of a target whose shared circuit rejected the call; or an error."""
        if self._empty is None and self._passed_over:
            _, target = min(self._passed_over, key=lambda each: each[0])
            contestant = Contestant(self, target, self._layer.pace_of(target))
            contestant.last_target, contestant.queues = True, False
            self._previous = None
            await self._ask_last(contestant)
            if self._answer is not None:
                return self._answer
        if self._empty is None:
            raise verdict(self._failures)
        self._call.record.outcome = SUCCEEDED
        return self._empty

    async def _ask_last(self, contestant: Contestant) -> None:
        call = self._call.to(contestant.target)
        call.watch = contestant
        try:
            self._answered(contestant, await by_keys(call, self._inner))
        except RanvierError as error:
            self._failed(contestant, call, error)
        if self._fatal is not None:
            raise self._fatal

    # --- hedges ----------------------------------------------------------------------------------

    @property
    def has_more(self) -> bool:
        """True if another target is in flight or can be asked."""
        return bool(self._remaining or self._deferred) or len(self._in_flight) > 1

    @property
    def max_lingering(self) -> int:
        """How many attempts at one target may go on although their call has its answer."""
        return self._layer.max_lingering

    def now(self) -> float:
        """The time on the pipeline's clock."""
        return self._call.pipeline.clock()

    def hedge_delay(self, contestant: Contestant, call: Call, now: float) -> float | None:
        """Seconds of silence after which another target is asked as well; `None` means never."""
        return self._layer.hedge_delay(call, contestant.probing, self._single, now)

    def hedge(self, silent: Contestant, now: float) -> None:
        """`silent` has been silent for too long: ask the next target as well, if there is any."""
        if silent.lost or self._winner is not None:
            return
        target = silent.target if self._single and not silent.hedged else self._next()
        if target is None:
            return
        budget, receiver = self._layer.budget, target.provider.name
        if not silent.probing and not budget.take(receiver):
            self._remaining.appendleft(target)
            self._note("hedge_withheld", silent, self._call.to(target))
            self._emit(HedgeWithheld, silent, target, now)
            return
        rivals = [each for each in self._in_flight if not each.lost]
        if len(rivals) > 1:
            rivals[0].lose(now)
        silent.hedged = True
        self._layer.pace_of(silent.target).suspect(now)
        contestant = Contestant(self, target, self._layer.pace_of(target))
        contestant.queues = False
        try:
            call = self._directed(contestant, "hedge")
        except RanvierError:  # the deadline has passed
            return
        self._note("hedged", silent, call)
        self._emit(HedgeSent, silent, target, now)
        self._launch(contestant, call)

    def won_by(self, contestant: Contestant, now: float) -> None:
        """`contestant` has content, or an answer: all others have lost."""
        if self._winner is contestant:
            return
        self._winner = contestant
        for each in self._in_flight:
            if each is not contestant and not each.lost:
                each.lose(now)

    def _note(self, kind: str, silent: Contestant, call: Call) -> None:
        recorder.noted(call, kind, self.now() - silent.since, silent.target.target)

    def _emit(
        self, event: type[HedgeSent | HedgeWithheld], silent: Contestant, target: Deployment, now: float
    ) -> None:
        call = self._call
        if call.pipeline.events.listeners:
            call.pipeline.events.emit(
                event(
                    tenant=call.tenant,
                    provider=silent.target.provider.name,
                    model=silent.target.model,
                    to=target.target,
                    seconds=now - silent.since,
                ),
                call.record,
            )

    # --- the targets -----------------------------------------------------------------------------

    def _next(self) -> Deployment | None:
        """The next target to ask; those at an endpoint that has failed come last."""
        while self._remaining:
            target = self._remaining.popleft()
            if self._failures and too_small(target, self._failures):
                continue
            if target.provider.name in self._bad_endpoints:
                self._deferred += (target,)
                continue
            return target
        if self._deferred:
            target, *rest = self._deferred
            self._deferred = tuple(rest)
            return target
        return None

    # --- the end ---------------------------------------------------------------------------------

    async def _cancel(self) -> None:
        """The caller has cancelled: end everything, and wait for that."""
        tasks = [each.task for each in self._in_flight if each.task is not None and not each.lost]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _leave_all(self) -> None:
        """The call ends with an error: what is in flight has lost."""
        now = self.now()
        for each in self._in_flight:
            if not each.lost:
                each.lose(now)


async def _asked(race: Race[R], contestant: Contestant, call: Call) -> None:
    await race.carry(contestant, call)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Retrieve the error of a task, so that it is not logged."""
    if not task.cancelled():
        task.exception()
