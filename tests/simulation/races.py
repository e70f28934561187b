"""Checks of hedges and of shared circuits: who is asked as well, who has lost, and who has a vote."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ranvier import Scope, SharedCircuitOpenError
from ranvier.events import Event, RetryScheduled, SharedCircuitChanged
from ranvier.pipeline import Call
from simulation.exchange import Exchange
from simulation.invariants import Books
from simulation.story import COUNTS, EPSILON, STORY, Story

if TYPE_CHECKING:
    from simulation.stacks import Stack

PASSED_OVER = frozenset({"hedged", "hedge_too_dear", "skipped"})
"""What may be told of a target that might have been asked."""

PROBES_ALONE = 2.0
"""Seconds after which a probe has company."""

MOST_LINGERING = 5
"""Losers that may go on at one target."""

MOST_SAVED = 10.0
"""Hedges that a provider may receive beyond one for ten requests."""

OLDEST_VOTE = 450.0
"""Seconds for which a failure may count: the longest half, and the one after it; and no call for as long."""

WINDOW = 12.0
"""Seconds for which a retry budget may count a first attempt: ten, and a tenth more."""


class RaceChecks(Books):
    """Is told of every request that begins, and of the first content of every answer."""

    def joins(self, exchange: Exchange) -> None:
        """A request begins: how many of its call are in flight?"""
        story, stack = exchange.story, exchange.story.stack
        if story.winner is not None and story.winner.ending not in (None, "finished"):
            story.winner = None
        rivals = [each for each in story.exchanges if each.ending is None and not each.lost]
        if len(rivals) > stack.hedges:  # the oldest of three has been given up before this moment
            self.fail(14, f"{exchange.target} is asked while {len(rivals)} others are", story)
        if stack.hedges:
            self._check_losers(exchange)
            self._ask_for_company(exchange)
            stack.requests_sent += 1
            if exchange.call.reason == "hedge":
                self._hedged(exchange, rivals)

    def wins(self, exchange: Exchange) -> None:
        """The first content of an answer has come: all other requests of the call have lost."""
        story, now = exchange.story, self._time()
        if exchange.lost or story.ends:
            exchange.lost_at = now if exchange.lost_at is None else exchange.lost_at
            return
        story.winner = exchange
        for each in story.exchanges:
            if each is not exchange and each.ending is None and each.lost_at is None:
                each.lost_at = now

    def _check_losers(self, exchange: Exchange) -> None:
        """At most so many losers go on at one target; those that were lost in this moment may still end."""
        story, now = exchange.story, exchange.began
        lost = [
            each
            for each in exchange.call.deployment.provider.sockets  # type: ignore[attr-defined]
            if each.target == exchange.target and each.story.stack is story.stack
            if each.ending is None and each.swallowed is None
            if min(each.story.ended_at, now if each.lost_at is None else each.lost_at) < now
        ]
        if len(lost) > MOST_LINGERING:
            self.fail(15, f"{len(lost)} losers go on at {exchange.target}: {lost[0].story}", story)

    # --- probes ----------------------------------------------------------------------------------

    def _ask_for_company(self, exchange: Exchange) -> None:
        story, stack = exchange.story, exchange.story.stack
        timed = exchange.streamed or isinstance(stack.hedge_after, float)
        # An answer that broke after its first content is asked for again without company.
        timed &= all(each.first is None for each in story.exchanges if each.target == exchange.target)
        if exchange.probing and story.hedges and timed and not exchange.call.watch.last_target:
            loop = asyncio.get_running_loop()
            due = exchange.began + PROBES_ALONE + 1 / 64
            story.checks.append(loop.call_at(due, self._check_company, exchange))

    def _check_company(self, exchange: Exchange) -> None:
        """A probe that has waited for so long without content is not alone, if there is any other target."""
        story = exchange.story
        over = story.ends or story.given_up or exchange.lost or self._time() >= story.deadline
        if over or exchange.ending is not None or exchange.first is not None:
            return
        chain = story.stack.chains[story.start or story.stack.names[0]]
        later = chain[chain.index(exchange.target) + 1 :]
        told = {each.target for each in story.record.waits if each.kind in PASSED_OVER}
        if later and not any(target in told or target in story.asked for target in later):
            self.fail(13, f"{exchange.target} is probed, and nobody else is asked", story)

    # --- budgets ---------------------------------------------------------------------------------

    def hears(self, stack: Stack, event: Event) -> None:
        """Something is told that a budget, or a quorum, limits."""
        if type(event) is RetryScheduled:
            self._retried(stack, event)
        elif type(event) is SharedCircuitChanged and event.after == "open" and event.before == "closed":
            self._opened(stack, event)

    def _hedged(self, exchange: Exchange, rivals: list[Exchange]) -> None:
        """A provider receives at most ten hedges, and one for ten requests; those of probes do not count."""
        if any(each.probing for each in rivals):
            return
        story, stack = exchange.story, exchange.story.stack
        receiver = exchange.target.partition("/")[0]
        hedges, least = stack.hedged.get(receiver, (0.0, 0.0))
        least = min(least, hedges - stack.requests_sent / 10)
        hedges += 1
        stack.hedged[receiver] = hedges, least
        if hedges - stack.requests_sent / 10 - least > MOST_SAVED + EPSILON:
            self.fail(16, f"{receiver} has received {hedges} hedges", story)

    def _retried(self, stack: Stack, event: RetryScheduled) -> None:
        """In ten seconds a provider receives so many retries at most."""
        target = f"{event.provider}/{event.model}"
        if stack.budget is None or stack.retry.overrides.get(target, stack.retry).budget is None:
            return
        now = self._time()
        retries = stack.retries.setdefault(event.provider, [])
        retries[:] = [at for at in retries if at > now - 10.0]
        retries.append(now)
        firsts = stack.firsts.setdefault(event.provider, [])
        firsts[:] = [each for each in firsts if each.stopped >= now - WINDOW]
        allowed = max(1.0, stack.budget.ratio * len(firsts) + 10.0 * stack.budget.per_second)
        if len(retries) > allowed + EPSILON:
            self.fail(16, f"{len(retries)} retries at {event.provider} where {allowed} may be", STORY.get())

    # --- votes -----------------------------------------------------------------------------------

    def votes(self, exchange: Exchange) -> None:
        """A request has ended: may its tenant say that its target, or the endpoint, is down?"""
        story, stack = exchange.story, exchange.story.stack
        if stack.shared is None:
            return
        at, blamed = exchange.stopped, exchange.ending == "raised" and exchange.kind in COUNTS
        of_endpoint = exchange.scope is Scope.ENDPOINT and exchange.first is None
        if blamed and of_endpoint:
            stack.blamed.setdefault((exchange.provider, exchange.theirs), {})[story.tenant] = at
        too_slow = exchange.ending != "raised" and exchange.met_limit(at, -EPSILON)
        if too_slow or (blamed and not of_endpoint) or self._was_silent(exchange, at):
            stack.blamed.setdefault((exchange.target, exchange.theirs), {})[story.tenant] = at

    def _was_silent(self, exchange: Exchange, at: float) -> bool:
        """Whether it had no content for as long as the shortest hang threshold."""
        first_token = exchange.call.limits.first_token
        hang = min(10.0, (120.0 if first_token is None else first_token) / 2)
        return exchange.first is None and at - exchange.began >= hang - EPSILON

    def _opened(self, stack: Stack, event: SharedCircuitChanged) -> None:
        """A shared circuit has opened: have enough tenants of its electorate reason to say so?"""
        now, where = self._time(), event.target
        blamed = stack.blamed.get((where, event.tenants_keys), {})
        tenants = {tenant for tenant, at in blamed.items() if at >= now - OLDEST_VOTE}
        for provider in stack.providers if event.model is not None else ():
            for each in provider.sockets:
                ours = each.story.stack is stack and each.target == where
                if ours and each.theirs is event.tenants_keys and self._was_silent(each, now):
                    tenants.add(each.story.tenant)
        assert stack.shared is not None
        votes, share = stack.shared.votes, stack.shared.share
        if not votes <= event.failing <= len(tenants) or event.failing < share * event.active:
            words = f"{event.failing} of {event.active} open {where}, of {len(tenants)} that might"
            self.fail(17, words, STORY.get(None))

    def rejected_for_all(self, story: Story, call: Call, error: SharedCircuitOpenError) -> None:
        """A shared circuit has rejected a call: is it one of its electorate, that is not closed?"""
        shared = story.stack.breaker.circuits.shared
        provider, model = call.deployment.provider.name, call.deployment.model
        states = {
            shared.state(provider, each, tenants_keys=call.tenants_key) if shared is not None else None
            for each in (model, None)
        }
        enforced = story.stack.shared is not None and story.stack.shared.mode == "enforced"
        if not enforced or states <= {"closed", None}:
            self.fail(17, f"it is rejected with {error}, though the circuits are {states}", story)
