"""What always has to hold, checked at every step.

The checker is told what providers, callers and onlooking layers see, and keeps books of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ranvier import (
    CircuitOpenError,
    DeadlineExceededError,
    RanvierError,
    Response,
    StreamInterruptedError,
)
from ranvier.pipeline import Call, Outcome
from simulation.circuits import Circuit, Key, Ticket
from simulation.layers import Sabotage
from simulation.story import BLAMED, EPSILON, FINAL, GOOD, NOBODY, RETRIED, Exchange, Story

if TYPE_CHECKING:
    from simulation.stacks import Stack

INVARIANTS = {
    1: "every call ends exactly once, as its caller or its limits want, within its deadline plus one tick",
    2: "permits, slots, probes, timers and sockets in use return to zero",
    3: "at most max_probes probes are under way in a circuit at any time",
    4: "no tenant's circuit changes through another tenant's calls, nor does its key serve them",
    5: "no request goes out earlier than its retry_after, nor after its deadline",
    6: "no call causes more requests than its stack allows",
    7: "a stream repeats no event, and no cut stream ends as a success",
    8: "a circuit moves as its description says",
    9: "every bound of the configuration holds",
    10: "the record of attempts is what the providers saw",
}


CHECK_DROPPED_AFTER_WAITING = False
"""Off, since a call that a throttle sends back from its wait for a slot is kept alive by its own error."""


GRACE = EPSILON
"""Seconds after a refusal in which a call goes out that was let pass in the same turn of the loop."""


class ViolationError(AssertionError):
    """An invariant does not hold."""


class Checker:
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

    # --- requests --------------------------------------------------------------------------------

    def enters(self, story: Story, call: Call) -> None:
        """A call has come to the outermost layer."""
        story.record = call.record
        if call.tenant != story.tenant:
            self.fail(4, f"it is on behalf of {call.tenant}", story)

    def request(self, exchange: Exchange, call: Call) -> None:
        """A provider is asked: may it be?"""
        story, now, target = exchange.story, exchange.began, exchange.target
        before = story.exchanges[-1] if story.exchanges else None
        story.exchanges.append(exchange)
        if story.ends or story.cancels:
            self.fail(1, f"{target} is asked after the call has ended or was cancelled", story)
        if now >= story.deadline:
            self.fail(5, f"{target} is asked after the deadline", story)
        if now < story.not_before.get(target, 0.0) - EPSILON:
            self.fail(5, f"{target} is asked before {story.not_before[target]:.6f}, as it had wanted", story)
        self._check_attempts(exchange, before)
        self._check_key(exchange, call)

    def _check_attempts(self, exchange: Exchange, before: Exchange | None) -> None:
        story, target = exchange.story, exchange.target
        stack = story.stack
        asked = story.asked[target] = story.asked.get(target, 0) + 1
        exchange.number = asked
        if story.ticket is not None:
            exchange.circuit = story.ticket.state
        if before is None:
            return
        if before.handed_out:
            self.fail(7, f"{target} is asked although the stream of {before.target} was handed out", story)
        elif before.ending is None or before.judge(exchange.began)[0] == GOOD:
            self.fail(6, f"{target} is asked although {before.target} answers", story)
        elif before.asks_whole:
            story.asked[target] -= 1 if before.target == target else 0
            if before.target != target:
                self.fail(
                    6, f"{target} is asked although {before.target} only wants to be asked whole", story
                )
        elif before.target != target:
            self._check_next(story, before, target)
        elif asked > stack.attempts_allowed(target):
            self.fail(6, f"{target} is asked {asked} times", story)
        elif not self._may_repeat(before, stack):
            self.fail(6, f"{target} is asked again after {before.judge(exchange.began)[1]}", story)

    def _check_next(self, story: Story, before: Exchange, target: str) -> None:
        chain = story.stack.chains[story.start or story.stack.names[0]]
        if type(before.error) in FINAL and not story.stack.goes_on_after[type(before.error)]:
            self.fail(6, f"{target} is asked after {before.kind}", story)
        elif before.kind is None and before.ending == "raised":
            self.fail(6, f"{target} is asked after an error that nobody knows", story)
        elif target not in chain or chain.index(target) <= chain.index(before.target):
            self.fail(6, f"{target} is asked after {before.target}", story)

    def _may_repeat(self, before: Exchange, stack: Stack) -> bool:
        kind = before.kind if before.ending == "raised" else "timeout"
        if kind == "timeout":
            return getattr(before.error, "phase", "") == "connect" or stack.retries_timeouts(before.target)
        return kind in RETRIED

    def _check_key(self, exchange: Exchange, call: Call) -> None:
        story, target = exchange.story, exchange.target
        stack = story.stack
        if call.tenant != story.tenant or not stack.may_use(
            story.tenant, call.deployment.provider, exchange.key
        ):
            self.fail(4, f"{target} is asked for {call.tenant} with {exchange.key}", story)
        if stack.throttle is not None and not stack.sleeps_inside_throttle:
            since, until = stack.closed_until.get(stack.gate_key(target, exchange.key), (0.0, 0.0))
            if since + GRACE < exchange.began < until - EPSILON:
                self.fail(5, f"{target} is asked with a key that is limited until {until:.6f}", story)

    def refused(self, exchange: Exchange) -> None:
        """A provider raises an error: whom may it hold off, and until when?"""
        story, error = exchange.story, exchange.error
        self._check_limits(exchange)
        if exchange.finished or exchange.handed_out or not isinstance(error, RanvierError):
            return
        until = exchange.stopped + (error.retry_after or 0.0)
        story.not_before[exchange.target] = until
        stack = story.stack
        if stack.throttle is None or stack.most_gates < 100:
            return
        if exchange.kind == "auth":
            until = max(until, exchange.stopped + stack.refused_for) if stack.refused_for else 0.0
        elif exchange.kind == "quota_exhausted":
            until = max(until, exchange.stopped + stack.quota_for) if stack.quota_for else 0.0
        elif exchange.kind not in ("rate_limit", "overloaded"):
            return
        gate = stack.gate_key(exchange.target, exchange.key)
        if until > stack.closed_until.get(gate, (0.0, 0.0))[1]:
            stack.closed_until[gate] = exchange.stopped, until

    def request_ended(self, exchange: Exchange) -> None:
        """A provider has let go of a request."""
        now = self._time()
        if exchange.ending == "finished":
            self._check_limits(exchange)
        elif exchange.ending is None:
            exchange.stop("lost", now)
        if exchange.ending == "cancelled":
            verdict, word = exchange.judge(now)
            if word == "timeout" or (verdict == BLAMED and word == "stream_dropped"):
                self._check_met(exchange, exchange.stopped)

    def _check_met(self, exchange: Exchange, at: float) -> None:
        if not exchange.met_limit(at, -EPSILON):
            self.fail(1, f"{exchange.target} was given up before any limit was met", exchange.story)

    def _check_limits(self, exchange: Exchange) -> None:
        if not exchange.finished and exchange.met_limit(exchange.stopped, EPSILON):
            self.fail(1, f"{exchange.target} took longer than its limits allow", exchange.story)

    # --- circuits --------------------------------------------------------------------------------

    def meets_breaker(self, story: Story, key: Key) -> None:
        """A call comes to a breaker: is the circuit as its own tenant's calls have left it?"""
        stack = story.stack
        known = stack.circuits.known.get(key)
        state = stack.breaker.circuits.state(*key)
        if state != (None if known is None else known.state):
            invariant = self._existence(stack, state, known) or 4
            self.fail(invariant, f"the circuit {key} is {state}, but was left {known and known.state}", story)

    def _existence(self, stack: Stack, state: str | None, known: Circuit | None) -> int | None:
        """Which invariant does not hold where a circuit is missing, or is there and should not be."""
        if state is not None and known is not None:
            return None
        return 4 if state is None and len(stack.breaker.circuits) < stack.most_circuits else 9

    def turned_away(self, story: Story, key: Key, target: str, error: CircuitOpenError) -> None:
        """A breaker has refused a call."""
        stack, now = story.stack, self._time()
        if stack.circuits.admit(story, key, stack.rules_of(target), now) is not None:
            self.fail(8, f"the circuit {key} refuses, but is {stack.circuits.known[key].state}", story)
            return
        wait = stack.circuits.known[key].wait(now)
        if (wait is None) != (error.retry_after is None) or abs(
            (wait or 0) - (error.retry_after or 0)
        ) > EPSILON:
            self.fail(8, f"the circuit {key} says {error.retry_after} instead of {wait}", story)

    def passes_breaker(self, story: Story, key: Key, target: str) -> Ticket:
        """A breaker has let a call pass."""
        stack = story.stack
        circuits, now = stack.circuits, self._time()
        ticket = circuits.admit(story, key, stack.rules_of(target), now)
        if ticket is None:
            circuit = circuits.known[key]
            if len(circuit.probes) >= circuit.rules.max_probes:
                self.fail(3, f"{len(circuit.probes) + 1} probes are under way in {key}", story)
            self.fail(8, f"the circuit {key} lets a call pass, but is {circuit.state}", story)
            ticket = Ticket(story, None)
        story.ticket = ticket
        return ticket

    def proves(self, ticket: Ticket, key: Key) -> None:
        """A stream is handed on through a breaker."""
        ticket.story.exchanges[-1].handed_out = True
        ticket.story.stack.circuits.prove(ticket, key, self._time())

    def settles(self, ticket: Ticket, key: Key, told: Outcome | None, *, lost: bool = False) -> None:
        """A call that a breaker had let pass has ended; `told` is what the source makes of it.

        Where a layer between has lost the answer, nobody is to blame.
        """
        story, now = ticket.story, self._time()
        outcome = NOBODY
        if len(story.exchanges) > ticket.since and not lost:
            exchange = story.exchanges[-1]
            self._check_reason(exchange)
            outcome, word = exchange.judge(now)
            if outcome == BLAMED and exchange.ending != "raised":
                self._check_met(exchange, now if exchange.ending is None else exchange.stopped)
            if told is Outcome.SUCCEEDED and outcome != GOOD:
                self.fail(7, f"a stream that was {word} ends as a success", story)
        if story.ticket is ticket:
            story.ticket = None
        story.stack.circuits.settle(ticket, key, outcome, now)

    def compare_circuit(self, stack: Stack, key: Key, story: Story | None = None) -> None:
        """Is the circuit as the model has it, and was every change told?"""
        circuits, known = stack.breaker.circuits, stack.circuits.known.get(key)
        state = circuits.state(*key)
        if state != (None if known is None else known.state):
            invariant = self._existence(stack, state, known) or 8
            self.fail(invariant, f"the circuit {key} is {state} instead of {known and known.state}", story)
        if len(circuits) != len(stack.circuits.known) or len(circuits) > stack.most_circuits:
            self.fail(9, f"{len(circuits)} circuits are kept of {len(stack.circuits.known)}", story)
        if stack.circuits.moves:
            moves = [(str(key[0]), before, after) for key, before, after in stack.circuits.moves]
            if stack.listening and stack.heard != moves:
                self.fail(8, f"the changes {moves} are told as {stack.heard}", story)
            stack.circuits.moves.clear()
        elif stack.heard:
            self.fail(8, f"{stack.heard} is told, but did not happen", story)
        stack.heard.clear()

    # --- ends ------------------------------------------------------------------------------------

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

    def _check_reason(self, exchange: Exchange) -> None:
        """A stream ends only by its provider, its reader, or its deadline."""
        story = exchange.story
        held = exchange.handed_out and exchange.ending is None and not story.reading
        if held and not (story.let_go or story.cancels or self._time() >= story.deadline - EPSILON):
            self.fail(1, "its stream ends, though its reader holds an event", story)

    def ended(self, story: Story, how: str, value: Any = None) -> None:
        """A call has ended: `answered`, `read` to the end of its stream, `left`, `dropped` or `failed`."""
        now = story.ended_at = self._time()
        story.ends += 1
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
        elif story.stream_ends != story.streams and (CHECK_DROPPED_AFTER_WAITING or not _may_wait(story)):
            self.fail(2, "its stream was dropped, and is not given back", story)
        handed_out = bool(story.exchanges) and story.exchanges[-1].handed_out
        if not handed_out and now > max(story.deadline, story.busy_until) + EPSILON:
            self.fail(1, "it ends after its deadline", story)
        self._check_bounds(story)

    def _check_answer(self, story: Story, answer: Response) -> None:
        exchange = story.exchanges[-1] if story.exchanges else None
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
        if type(error) is RuntimeError:
            return bool(story.exchanges) and story.exchanges[-1].error is error
        return isinstance(error, RanvierError) and error.kind != "configuration"

    def _check_interrupted(self, story: Story, error: StreamInterruptedError) -> None:
        exchange = story.exchanges[-1]
        if story.let_go and exchange.met_limit(exchange.stopped, -EPSILON):
            exchange.verdict = NOBODY, "stream_dropped"  # too slow, and closed by another task meanwhile
        received = "" if error.received is None else error.received.text
        if exchange.judge(story.ended_at)[1] != "stream_dropped" or received != "".join(exchange.said):
            self.fail(7, f"it was interrupted with {received!r}, but {exchange.said} was said", story)

    def _check_record(self, story: Story, attempts: Any) -> None:
        """Compare what is told of the attempts with what the providers saw."""
        exchanges = story.exchanges
        if len(attempts) != len(exchanges):
            self.fail(10, f"{len(attempts)} attempts are told", story)
            return
        numbered = not story.stack.again and not any(exchange.asks_whole for exchange in exchanges)
        for attempt, exchange in zip(attempts, exchanges, strict=True):
            word = exchange.judge(story.ended_at)[1]
            if word != attempt.outcome and not (story.sabotaged and attempt.outcome == "running"):
                self.fail(10, f"{attempt.outcome} is told of {exchange}, instead of {word}", story)
            circuit = None if story.stack.circuit_is_hidden else exchange.circuit
            told = attempt.target, attempt.started, attempt.circuit
            if told != (exchange.target, exchange.began, circuit) or (
                numbered and attempt.number != exchange.number
            ):
                self.fail(10, f"{told} is told of {exchange} through {exchange.circuit}", story)
            if word == "succeeded" and attempt.usage != exchange.usage:
                self.fail(10, f"{attempt.usage} is told of {exchange}", story)

    def _check_bounds(self, story: Story) -> None:
        stack = story.stack
        credentials = stack.pipeline.credentials
        if max(len(credentials._answers), len(credentials._turns)) > stack.most_answers:
            self.fail(9, f"{credentials!r} keeps more than {stack.most_answers}", story)
        if stack.throttle is not None and len(stack.throttle.gates.known) > stack.most_gates:
            self.fail(9, f"{len(stack.throttle.gates.known)} gates are kept", story)


def _may_wait(story: Story) -> bool:
    return story.stack.throttle is not None and any(each.slots is not None for each in story.stack.providers)
