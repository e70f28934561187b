"""Checks of what providers are asked: may they be, then, with that key, and so often?"""

from __future__ import annotations

import asyncio

from ranvier import RanvierError, Scope
from ranvier.pipeline import Call
from simulation.exchange import Exchange
from simulation.races import RaceChecks
from simulation.story import ABOUT_KEYS, BLAMED, EPSILON, FINAL, GOOD, RETRIED, Story

SWALLOWED_ONCE = 1.25
"""Seconds by which a wait may outlast its limit where the code of others swallows a cancellation."""


class RequestChecks(RaceChecks):
    """Is told of every request."""

    def enters(self, story: Story, call: Call) -> None:
        """A call has come to the outermost layer."""
        story.record = call.record
        if call.tenant != story.tenant:
            self.fail(4, f"it is on behalf of {call.tenant}", story)

    def request(self, exchange: Exchange, call: Call) -> None:
        """A provider is asked: may it be?"""
        story, now, target = exchange.story, exchange.began, exchange.target
        task = asyncio.current_task()
        assert task is not None
        before = story.lanes.get(task)
        story.lanes[task] = exchange
        self.joins(exchange)
        story.exchanges.append(exchange)
        if story.ticket is not None:
            story.ticket.sent(now)
        in_this_moment = (
            not story.stack.plain and story.cancelled_at == now
        )  # its tasks do not know of it yet
        if story.ends or (story.cancels and not in_this_moment):
            self.fail(1, f"{target} is asked after the call has ended or was cancelled", story)
        if now >= story.deadline:
            self.fail(5, f"{target} is asked after the deadline", story)
        not_before = story.not_before.get((target, exchange.key), 0.0)
        here = [each.call.watch for each in story.exchanges if each.target == target]
        alone = story.stack.plain or all(each is call.watch for each in here)  # hedges do not hear of others
        if now < not_before - EPSILON and alone:
            self.fail(5, f"{target} is asked before {not_before:.6f}, as it had wanted", story)
        if wrong := story.stack.spending.sent(exchange):
            self.fail(18, wrong, story)
        self._check_attempts(exchange, before)
        self._check_key(exchange, call)
        # Where only streaming was refused, the whole answer is asked for without passing the gate again.
        if before is None or not before.asks_whole:
            self._check_gate(exchange)

    def _check_attempts(self, exchange: Exchange, before: Exchange | None) -> None:
        story, target = exchange.story, exchange.target
        stack = story.stack
        asked = story.asked[target] = story.asked.get(target, 0) + 1
        exchange.number = self._number(exchange, before, asked)
        first = before is None or before.target != target or stack.again
        if stack.budget is not None and first:
            stack.firsts.setdefault(exchange.provider, []).append(exchange)
        ticket = exchange.ticket = story.ticket
        if ticket is not None:
            exchange.circuit = ticket.state
            ticket.exchange = exchange
        if before is None:
            return
        if before.handed_out:
            self.fail(7, f"{target} is asked although the stream of {before.target} was handed out", story)
        elif before.ending is None or before.judge(exchange.began)[0] == GOOD:
            self.fail(6, f"{target} is asked although {before.target} answers", story)
        elif before.asks_whole and before.target == target:
            story.asked[target] -= 1
        elif before.target != target:
            self._check_next(story, before, target)
        elif asked > (1 if stack.plain else 2) * stack.attempts_allowed(target) * stack.keys.tried_at_most:
            self.fail(6, f"{target} is asked {asked} times", story)
        elif not self._may_repeat(before, exchange):
            self.fail(6, f"{target} is asked again after {before.judge(exchange.began)[1]}", story)

    def _number(self, exchange: Exchange, before: Exchange | None, asked: int) -> int:
        """Which try at this target with this key it is."""
        story = exchange.story
        if before is None or before.target != exchange.target:
            story.before_key = 0
        elif before.key != exchange.key:
            story.before_key = asked - 1
        return asked - story.before_key

    def _check_next(self, story: Story, before: Exchange, target: str) -> None:
        chain = story.stack.chains[story.start or story.stack.names[0]]
        final = type(before.error) in FINAL and not before.asks_whole
        if final and not story.stack.goes_on_after[type(before.error)]:
            self.fail(6, f"{target} is asked after {before.kind}", story)
        elif before.kind is None and before.ending == "raised":
            self.fail(6, f"{target} is asked after an error that nobody knows", story)
        elif target not in chain or not self._follows(story, before, target, chain):
            self.fail(6, f"{target} is asked after {before.target}", story)

    def _follows(self, story: Story, before: Exchange, target: str, chain: list[str]) -> bool:
        """Whether `target` comes later in its chain; those at an endpoint that has failed come last."""
        if chain.index(target) > chain.index(before.target) or story.stack.asks_last_target:
            return True
        balanced = story.stack.names[: story.stack.balanced]
        if target in balanced and before.target in balanced:
            return story.asked[target] == 1
        provider = target.partition("/")[0]
        failed = [each.provider for each in story.exchanges[:-1] if each.scope is Scope.ENDPOINT]
        return provider in failed and story.asked[target] == 1

    def _may_repeat(self, before: Exchange, exchange: Exchange) -> bool:
        stack = exchange.story.stack
        if stack.asks_last_target and stack.again:
            return True  # a rejection is all that the route knows then
        if before.key != exchange.key:
            used_up = stack.again and stack.pacing is not None  # its key, when `Again` tries once more
            return before.kind in ABOUT_KEYS or (used_up and before.kind in RETRIED)
        kind = before.kind if before.ending == "raised" else "timeout"
        if kind == "timeout":
            return getattr(before.error, "phase", "") == "connect" or stack.retries_timeouts(before.target)
        return kind in RETRIED

    def _check_key(self, exchange: Exchange, call: Call) -> None:
        story, target = exchange.story, exchange.target
        stack = story.stack
        allowed = stack.keys.allow(story.tenant, call.deployment.provider, exchange.key)
        if call.tenant != story.tenant or not allowed:
            self.fail(4, f"{target} is asked for {call.tenant} with {exchange.key}", story)

    def _check_gate(self, exchange: Exchange) -> None:
        story, target = exchange.story, exchange.target
        stack = story.stack
        if stack.throttle is not None and not stack.sleeps_inside_throttle:
            gates = stack.gate_keys(target, exchange.key)
            until = max(stack.closed_until.get(gate, 0.0) for gate in gates)
            if exchange.began < until - EPSILON:
                self.fail(5, f"{target} is asked with a key that is limited until {until:.6f}", story)

    def refused(self, exchange: Exchange) -> None:
        """A provider raises an error: whom may it hold off, and until when?"""
        story, error = exchange.story, exchange.error
        self._check_limits(exchange)
        if exchange.finished or exchange.handed_out or not isinstance(error, RanvierError):
            return
        if exchange.lost:
            return  # it may have been given up in this moment
        until = exchange.stopped + (error.retry_after or 0.0)
        story.not_before[exchange.target, exchange.key] = until
        stack = story.stack
        if stack.throttle is None or stack.most_gates < 100:
            return
        seconds = stack.gate_closes_for(exchange.kind, error.retry_after or 0.0)
        if seconds is None:
            return
        whole, of_model = stack.gate_keys(exchange.target, exchange.key)
        gate = whole if exchange.kind in ("auth", "quota_exhausted") else of_model
        stack.closed_until[gate] = max(stack.closed_until.get(gate, 0.0), exchange.stopped + seconds)

    def request_ended(self, exchange: Exchange) -> None:
        """A provider has let go of a request."""
        now = self._time()
        self._check_wait(exchange)
        self.votes(exchange)
        if exchange.ending == "finished":
            self._check_limits(exchange)
        elif exchange.ending is None:
            exchange.stop("lost", now)
        if exchange.ending == "cancelled":
            verdict, word = exchange.judge(now)
            if exchange.may_be_left:
                return
            if word == "timeout" or (verdict == BLAMED and word == "stream_dropped"):
                self._check_met(exchange, exchange.stopped)

    def _check_wait(self, exchange: Exchange) -> None:
        """Whether its provider was waited for longer than its limits allow, however it ended."""
        if exchange.ending not in ("cancelled", "raised") or exchange.finished:
            return
        slack = EPSILON if exchange.swallowed is None else SWALLOWED_ONCE
        if exchange.met_limit(exchange.stopped, slack + EPSILON):
            self.fail(11, f"{exchange} was waited for beyond its limits", exchange.story)
