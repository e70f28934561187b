"""All checks together, and those of how calls end."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from ranvier import ConfigurationError, DeadlineExceededError, RanvierError, Response, StreamInterruptedError
from ranvier.pipeline import Attempt, Outcome
from simulation.breakers import BreakerChecks
from simulation.exchange import Exchange
from simulation.layers import Sabotage
from simulation.requests import RequestChecks
from simulation.story import BLAMED, EPSILON, GOOD, NOBODY, Story


class Checker(RequestChecks, BreakerChecks):
    """Is told of everything."""

    def begins(self, exchange: Exchange) -> None:
        """The first content of an answer has come."""
        self.wins(exchange)
        self.proves_early(exchange)

    def handed_out(self, exchange: Exchange) -> None:
        """The stream of a request is given to the caller."""
        exchange.handed_out = True
        exchange.story.streams += 1

    def stream_ended(self, exchange: Exchange, told: Outcome) -> None:
        """A stream that was given to the caller has ended."""
        story, now = exchange.story, self._time()
        story.stream_ends += 1
        if story.stream_ends > 1:
            self.fail(1, "its stream ends twice", story)
        if now > max(story.deadline, story.busy_until) + EPSILON:
            self.fail(1, f"its stream ends at {now:.6f}, after its deadline", story)
        self._check_reason(exchange)
        verdict, word = exchange.judge(now)
        if told.value != verdict:
            invariant = 7 if GOOD in (told.value, verdict) else 8
            self.fail(invariant, f"a stream that was {word} ends as {told.value}", story)
        if exchange.ending is None and verdict == BLAMED:
            self._check_met(exchange, now)

    def ended(self, story: Story, how: str, value: Any = None) -> None:
        """A call has ended: `answered`, `read` to the end of its stream, `left`, `dropped` or `failed`."""
        now = story.ended_at = self._time()
        story.ends += 1
        for check in story.checks:
            check.cancel()
        story.how = how if value is None or how != "failed" else type(value).__name__
        if story.ends > 1:
            self.fail(1, "it ends twice", story)
        if how == "failed":
            self._check_error(story, value, now)
        elif story.cancels:
            self.fail(1, f"it was cancelled, and {how} all the same", story)
        elif how == "left":
            self._check_record(story, value)
        elif how != "dropped":
            self._check_answer(story, value)
        else:  # what its finalizer has handed to the loop comes before this
            turns = 0 if story.stack.plain else 2  # until the tasks of a race have ended
            asyncio.get_running_loop().call_soon(self._check_dropped, story, turns)
        handed_out = bool(story.exchanges) and story.last.handed_out
        if not handed_out and now > max(story.deadline, story.busy_until) + EPSILON:
            self.fail(1, "it ends after its deadline", story)
        self._check_bounds(story)

    def _check_dropped(self, story: Story, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._check_dropped, story, turns - 1)
        elif story.stream_ends != story.streams:
            self.fail(2, "its stream was dropped, and is not given back", story)

    def _check_answer(self, story: Story, answer: Response) -> None:
        exchange = story.last if story.exchanges else None
        if exchange is None or exchange.judge(story.ended_at)[0] != GOOD:
            self.fail(7, "it is answered, though no provider has finished an answer", story)
        elif answer.text != "".join(exchange.said):
            self.fail(7, f"the answer is {answer.text!r}, but {exchange.said} was said", story)
        else:
            self._check_record(story, answer.attempts)

    def _check_error(self, story: Story, error: BaseException, now: float) -> None:
        if isinstance(error, asyncio.CancelledError):
            if not story.cancels:
                self.fail(1, "nobody has cancelled it, but it was", story)
            if now > max(story.cancelled_at, story.busy_until) + EPSILON:
                self.fail(1, "it goes on after it was cancelled", story)
        elif story.cancels:
            self.fail(1, f"it was cancelled, but ended with {error!r:.120}", story)
        elif isinstance(error, DeadlineExceededError):
            if now < story.deadline - EPSILON:
                self.fail(1, f"its deadline has not come, but {error!r:.120}", story)
        elif isinstance(error, StreamInterruptedError):
            self._check_interrupted(story, error)
        elif not self._is_known(story, error):
            self.fail(1, f"it ended with {error!r:.120}", story)
        if isinstance(error, RanvierError):
            self._check_record(story, error.attempts)

    def _is_known(self, story: Story, error: BaseException) -> bool:
        if isinstance(error, Sabotage):
            return story.sabotaged > 0
        if isinstance(error, ConfigurationError):
            return story.stack.closing
        raised = [repr(each.error) for each in story.exchanges]
        if type(error) is RuntimeError and repr(error) not in raised:
            return story.stack.cut_off and story.let_go  # `collect` says so of a stream that was closed
        return isinstance(error, (RanvierError, RuntimeError, ExceptionGroup))

    def _check_cut_off(self, story: Story, error: StreamInterruptedError) -> None:
        """A stream that its reader has lost, since its pipeline closed, does not seem to have ended."""
        received = "" if error.received is None else error.received.text
        if not story.stack.cut_off or not story.let_go:
            self.fail(7, "its stream is told to be closed, but its pipeline is not", story)
        elif received != "".join(story.last.said):
            self.fail(7, f"it was closed with {received!r}, but {story.last.said} was said", story)

    def _check_interrupted(self, story: Story, error: StreamInterruptedError) -> None:
        if error.reason == "closed":
            self._check_cut_off(story, error)
            return
        exchange = story.last
        expected = "stream_dropped"
        if story.let_go and exchange.met_limit(exchange.stopped, -EPSILON):
            expected = "abandoned"  # too slow, but closed by another task before its reader knew
            exchange.verdict = NOBODY, expected
        received = "" if error.received is None else error.received.text
        if exchange.judge(story.ended_at)[1] != expected or received != "".join(exchange.said):
            self.fail(7, f"it was interrupted with {received!r}, but {exchange.said} was said", story)

    def _check_record(self, story: Story, attempts: Any) -> None:
        """Compare what is told of the attempts with what the providers saw."""
        exchanges = story.exchanges
        if len(attempts) != len(exchanges):
            self.fail(10, f"{len(attempts)} attempts are told", story)
            return
        numbered = (
            story.stack.plain
            and not story.stack.again
            and not any(exchange.asks_whole for exchange in exchanges)
        )
        before = None
        for attempt, exchange in zip(attempts, exchanges, strict=True):
            word = exchange.judge(story.ended_at)[1]
            if self._may_be_told(attempt.outcome, exchange):
                continue
            if word != attempt.outcome and not (story.sabotaged and attempt.outcome == "running"):
                self.fail(10, f"{attempt.outcome} is told of {exchange}, instead of {word}", story)
            told = attempt.target, attempt.started, attempt.circuit
            if told != (exchange.target, exchange.began, exchange.circuit):
                self.fail(10, f"{told} is told of {exchange} through {exchange.circuit}", story)
            if word == "succeeded" and attempt.usage != exchange.usage:
                self.fail(10, f"{attempt.usage} is told of {exchange}", story)
            self._check_times(attempt, exchange)
            if numbered:
                self._check_number(attempt, exchange, before)
            before = exchange

    def _may_be_told(self, outcome: str, exchange: Exchange) -> bool:
        """Whether that may be told of a request which ended as another won, or the deadline came."""
        at_deadline = exchange.stopped >= exchange.story.deadline - EPSILON
        if exchange.story.stack.plain or not (exchange.lost or at_deadline):
            return False
        return outcome == "deadline_exceeded" or (exchange.lost and outcome in ("hedge_lost", "timeout"))

    def _check_times(self, attempt: Attempt, exchange: Exchange) -> None:
        if exchange.first is not None and attempt.first_token != exchange.first - exchange.began:
            self.fail(10, f"a first token after {attempt.first_token} is told of {exchange}", exchange.story)
        known = exchange.ending in ("finished", "raised") and not exchange.is_read_later
        if known and abs(attempt.seconds - (exchange.stopped - exchange.began)) > EPSILON:
            self.fail(10, f"{attempt.seconds} seconds are told of {exchange}", exchange.story)

    def _check_number(self, attempt: Attempt, exchange: Exchange, before: Exchange | None) -> None:
        story = exchange.story
        if attempt.number != exchange.number:
            self.fail(10, f"number {attempt.number} is told of {exchange}", story)
        elif attempt.number > 1 and before is not None:
            if attempt.reason != before.judge(story.ended_at)[1]:
                self.fail(10, f"{attempt.reason} is told to be the reason of {exchange}", story)
            if attempt.delay > exchange.began - before.stopped + EPSILON:
                self.fail(10, f"a delay of {attempt.delay} is told of {exchange}", story)

    def _check_waits(self, story: Story) -> None:
        """All waits of a call at one target, for a place or for what is left of a limit, share one limit."""
        stack = story.stack
        limits = {layer.waits_as: layer.max_wait for layer in stack.places}
        if stack.pacing is not None:
            limits["pacing"] = stack.pacing.max_wait
        waited: Counter[tuple[str, str]] = Counter()
        for wait in story.record.waits if story.record is not None else ():
            waited[wait.kind, wait.target] += wait.seconds  # type: ignore[assignment]  # because: of seconds
        for (kind, target), seconds in waited.items():
            if (limit := limits.get(kind)) is not None and seconds > limit + EPSILON:
                self.fail(11, f"it has waited {seconds} s for its {kind} at {target}, not {limit}", story)

    def _check_bounds(self, story: Story) -> None:
        self._check_waits(story)
        stack = story.stack
        credentials = stack.pipeline.credentials
        if max(len(credentials.lookups.answers), len(credentials._turns)) > stack.keys.most:
            self.fail(9, f"{credentials!r} keeps more than {stack.keys.most}", story)
        if stack.throttle is not None and len(stack.throttle.gates.known) > stack.most_gates:
            self.fail(9, f"{len(stack.throttle.gates.known)} gates are kept", story)
        if stack.throttle is not None:
            latest = max((keeper.gate.until for keeper in stack.throttle.gates.known.values()), default=0.0)
            if latest > story.ended_at + stack.longest_closed + EPSILON:
                self.fail(9, f"a gate is closed until {latest}, longer than it may be", story)
