"""One call on its way through its targets: one after the other, and at most two at a time.

The first target is asked in the caller's task. If it is silent for too long, the next one is asked as well,
in a separate task (a hedge), and the first content wins. A target that may be silent is asked in a separate
task from the start: the task can outlive the call, so that the circuit counts its silence.
"""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Generic

from ranvier.caller import PLAIN_FAILURES, Caller
from ranvier.errors.rejected import RejectedError
from ranvier.errors.root import RanvierError
from ranvier.facts.attempt import EMPTY, SUCCEEDED
from ranvier.layers.fallback.contestant import Contestant
from ranvier.layers.fallback.flight import Flight
from ranvier.layers.fallback.hedge import hedge
from ranvier.layers.fallback.resume import hand_over
from ranvier.layers.fallback.targets_left import TargetsLeft
from ranvier.layers.fallback.verdict import fall_back, out_of_time, verdict
from ranvier.pipeline.asking.foreign import own_error
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, R
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.streaming.stream import ResponseStream

if TYPE_CHECKING:
    from ranvier.layers.fallback.balance.chains import Chain
    from ranvier.layers.fallback.layer import Fallback


class Race(TargetsLeft, Generic[R]):
    """Carries one call through the targets of its chain.

    Attributes:
        layer: The route, with its settings and learned times.
        call: The call, without a target.
        single: True if the chain has one target.
        flight: The targets in flight, once a second task is involved.
    """

    flight: Flight | None = None
    caller: Caller | None = None  # while the call lasts, if it may be hedged
    _answer: R | None = None
    _empty: R | None = None  # the first empty answer
    _fatal: BaseException | None = None  # the error that ends the call
    _context: Context | None = None  # the caller's context
    _previous: tuple[Deployment, str] | None = None  # the target tried last, and why it was left

    def __init__(self, layer: Fallback, call: Call, chain: Chain, inner: Handler[R], judged: bool) -> None:
        super().__init__(call, chain, judged, bool(layer.balancers))
        self.layer = layer
        self.hedges = layer.hedges
        self.detects_silence = layer.detects_silence
        self._inner = inner
        if layer.hedges:
            self._context = copy_context()  # for hedges: the timer that sends them has an empty context
            self.caller = Caller()

    async def run(self) -> R:
        """The answer of the first target that has one; raises an error if none has."""
        try:
            while not self.is_settled() and (target := self.next()) is not None:
                contestant = Contestant(self, target, self.layer.pace_of(target))
                call = self.directed(contestant)
                if self.hedges and self.layer.is_suspect(call, contestant.pace):
                    self.launch(contestant, call)
                else:
                    try:  # the key is never a local variable: a traceback report might show it
                        answer = await self.layer.send(call, self._inner)
                        if self.flight is None and not self._falls_back_on(answer):
                            return answer
                        self.answered(contestant, answer)
                    except BaseException as error:
                        if not contestant.ended_by(error):
                            raise
                        self.caller = self.caller and Caller()  # a provider may not take its own back
                        self.failed(contestant, call, error)
                if self.flight is not None:
                    await self.flight.over(self.is_settled)
            return await self._without_answer() if self._answer is None else self._answer
        except asyncio.CancelledError:
            await self._cancelled()
            raise
        finally:
            self._context = self.caller = None
            if self._failures or self._previous is not None or self.flight is not None:
                answer = None  # type: ignore[assignment]
                self._forget()

    async def _cancelled(self) -> None:
        """The caller has cancelled: end what is in flight, and a stream that was to be handed out."""
        try:
            if self.flight is not None:
                self._fatal = asyncio.CancelledError()  # so that no other target is asked meanwhile
                await self.flight.cancel()
        finally:
            if isinstance(self._answer, ResponseStream):
                await self._answer.aclose()

    def _forget(self) -> None:
        """Drop all references of the race: errors refer to its frame, and would complete a cycle."""
        self._failures, self._answer, self._empty, self._fatal = (), None, None, None
        if self.flight is not None:
            self.flight.leave_all(self.now())
            self.flight = None

    def is_settled(self) -> bool:
        """True once the call has its answer, or the error that ends it."""
        return self._answer is not None or self._fatal is not None

    # --- asking ----------------------------------------------------------------------------------

    def directed(self, contestant: Contestant, reason: str | None = None) -> Call:
        """The call at the target of `contestant`.

        Raises:
            DeadlineExceededError: no time is left for it.
        """
        call, target, layer = self.call, contestant.target, self.layer
        if call.deadline is not None:
            now = call.pipeline.clock()
            if call.deadline <= now:
                raise out_of_time(target, self._failures)
            if layer.reserve is not None and (self._remaining or self._deferred):
                contestant.until = layer.turn_ends(call.deadline, now, self.later)
        if self.broken is not None:
            reason = self.broken.error.kind
        directed = call.to(target, None, reason or self._reason(target))
        if layer.watched:
            directed.watch = contestant
        if self.broken is not None:
            hand_over(self, contestant, directed)
        return directed

    def _reason(self, target: Deployment) -> str | None:
        """Why `target` is asked: the kind of the last failure; emits that the call falls back to it."""
        return None if self._previous is None else fall_back(self.call, target, *self._previous)

    def launch(self, contestant: Contestant, call: Call) -> None:
        """Ask a target in a separate task."""
        flight = self.flight = self.flight or Flight()
        flight.launch(contestant, call, self._carry(contestant, call), self._context)

    async def _carry(self, contestant: Contestant, call: Call) -> None:
        try:
            answer = await self.layer.send(call, self._inner)
        except RanvierError as error:
            self.failed(contestant, call, error)
        except BaseException as error:
            contestant.ended()
            if not contestant.lost:
                self._fatal = self._fatal or error
            if not isinstance(error, PLAIN_FAILURES):
                raise  # it ends the program
        else:
            self.answered(contestant, answer)

    # --- results ---------------------------------------------------------------------------------

    def answered(self, contestant: Contestant, answer: R) -> None:
        """A target has answered; an empty answer counts only if all others fail."""
        contestant.ended()
        if contestant.lost:
            if isinstance(answer, ResponseStream):  # for example of a layer
                answer.abandon()
            return
        if self._falls_back_on(answer):
            self.call.record.answered_nothing(contestant.target.target)
            self._empty = self._empty or answer
            self._left(contestant, EMPTY)
            return
        self.won_by(contestant, self.now())
        self._answer = answer

    def _falls_back_on(self, answer: R) -> bool:
        empty = bool(getattr(answer, "empty", False))
        return empty and not (self.single or self.layer.accepts_empty(self.call))

    def failed(self, contestant: Contestant, call: Call, error: BaseException) -> None:
        """Record the failure of a target; end the call if other targets would fail in the same way."""
        contestant.ended()
        if contestant.lost:
            return
        assert isinstance(error, RanvierError)
        target = contestant.target
        contestant.pace.failed(self.now())
        if isinstance(error, RejectedError):
            recorder.skipped(call, error)
            if self.single and contestant.is_hedge:  # its only target has not been passed over
                self._left(contestant, error.kind)
                return
        if not self.layer.fails_over(error):
            if self._empty is None:
                self._fatal = error
            self._previous = target, error.kind
            self.skip_rest()
            return
        self.note(target, own_error(call, error))
        self._left(contestant, error.kind)

    def _left(self, contestant: Contestant, kind: str) -> None:
        """The target has failed, or its answer is empty. If it was a hedge, ask the next target instead."""
        self._previous = contestant.target, kind
        if self.flight is not None and (silent := self.flight.left(contestant)) is not None:
            silent.hedged = False
            if not self.single:
                self.hedge(silent, self.now())

    async def _without_answer(self) -> R:
        """Ask a target that only a shared circuit rejected; else return the first empty answer, or raise."""
        if self._fatal is None and self._empty is None and (target := self.passed_over()) is not None:
            contestant = Contestant(self, target, self.layer.pace_of(target))
            contestant.last_target, contestant.queues = True, False
            call = self.call.to(target, None, self._reason(target))
            call.watch = contestant
            try:
                return await self.layer.send(call, self._inner)
            except BaseException as error:
                if not contestant.ended_by(error):
                    raise
                self.failed(contestant, call, error)
        if self._fatal is not None:
            raise self._fatal
        if self._empty is None:
            raise verdict(self._failures)
        self.call.record.outcome = SUCCEEDED
        return self._empty

    def won_by(self, contestant: Contestant, now: float) -> None:
        """`contestant` has content, or an answer: all others have lost."""
        if self.flight is not None:
            self.flight.won_by(contestant, now)

    # --- what contestants ask --------------------------------------------------------------------

    @property
    def has_more(self) -> bool:
        """True if another target is in flight or can be asked."""
        return bool(self.later) or (self.flight is not None and self.flight.rivals > 1)

    def first_sent(self, contestant: Contestant) -> None:
        """The first request to the target is sent: the first of a call adds to the hedge budget."""
        if self.hedges and len(self.call.record.attempts) == 1:
            self.layer.budget.earn(next(iter(self.later), contestant.target).provider.name)

    def hedge_delay(self, contestant: Contestant, call: Call, streamed: bool, now: float) -> float | None:
        """Seconds of silence after which another target is asked as well; `None` means never."""
        if not self.hedges or call.hedge is False or contestant.last_target:
            return None
        return self.layer.hedge_rule.delay(call, contestant, streamed, self.single, now)

    def hedge(self, silent: Contestant, now: float) -> None:
        """`silent` has been silent for too long: ask the next target as well."""
        hedge(self, silent, now)
