"""Checks of what breakers do, against the model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ranvier import CircuitOpenError
from ranvier.pipeline import Call, Outcome
from simulation.circuits import Circuit, Key, Ticket
from simulation.exchange import Exchange
from simulation.invariants import Books
from simulation.story import BLAMED, EPSILON, GOOD, NOBODY, Story

if TYPE_CHECKING:
    from simulation.stacks import Stack


class BreakerChecks(Books):
    """Is told of everyone who comes to a breaker, passes it and comes back."""

    def meets_breaker(self, story: Story, key: Key) -> None:
        """A call comes to a breaker: is the circuit as its own tenant's calls have left it?"""
        stack = story.stack
        if not stack.plain:
            return
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
        if not stack.plain:
            return
        if stack.circuits.admit(story, key, stack.rules_of(target), now) is not None:
            self.fail(8, f"the circuit {key} refuses, but is {stack.circuits.known[key].state}", story)
            return
        wait = stack.circuits.known[key].wait(now)
        if (wait is None) != (error.retry_after is None) or abs(
            (wait or 0) - (error.retry_after or 0)
        ) > EPSILON:
            self.fail(8, f"the circuit {key} says {error.retry_after} instead of {wait}", story)

    def passes_breaker(self, story: Story, key: Key, call: Call) -> Ticket:
        """A breaker has let a call pass."""
        target = call.deployment.target
        ticket = self._ticket(story, key, target) if story.stack.plain else Ticket(story, key, None)
        if not story.stack.plain:
            ticket.state = call.circuit
        task = asyncio.current_task()
        assert task is not None
        story.tickets[task] = ticket
        return ticket

    def _ticket(self, story: Story, key: Key, target: str) -> Ticket:
        stack = story.stack
        circuits, now = stack.circuits, self._time()
        ticket = circuits.admit(story, key, stack.rules_of(target), now)
        if ticket is None:
            circuit = circuits.known[key]
            if len(circuit.probes) >= circuit.rules.max_probes:
                self.fail(3, f"{len(circuit.probes) + 1} probes are in flight in {key}", story)
            self.fail(8, f"the circuit {key} lets a call pass, but is {circuit.state}", story)
            ticket = Ticket(story, key, None)
        return ticket

    def proves_early(self, exchange: Exchange) -> None:
        """The first content of an answer has come: where a route watches for that, a probe has succeeded."""
        if exchange.ticket is not None and exchange.story.stack.watched and exchange.story.stack.plain:
            exchange.story.stack.circuits.prove(exchange.ticket, self._time())

    def proves(self, ticket: Ticket) -> None:
        """A stream is handed on through a breaker."""
        if ticket.exchange is not None:
            ticket.exchange.handed_out = True
        ticket.story.stack.circuits.prove(ticket, self._time())

    def settles(self, ticket: Ticket, told: Outcome | None, *, lost: bool = False) -> None:
        """A call that a breaker had let pass has ended; `told` is what the source makes of it.

        Where a layer between has lost the answer, nobody is to blame.
        """
        story, now = ticket.story, self._time()
        outcome = NOBODY
        exchange = ticket.exchange
        if exchange is not None and not lost:
            self._check_reason(exchange)
            outcome, word = exchange.judge(now)
            if outcome == BLAMED and exchange.ending != "raised" and not exchange.may_be_left:
                self._check_met(exchange, now if exchange.ending is None else exchange.stopped)
            if told is Outcome.SUCCEEDED and outcome != GOOD:
                self.fail(7, f"a stream that was {word} ends as a success", story)
        for lane in [lane for lane, each in story.tickets.items() if each is ticket]:
            del story.tickets[lane]
        story.stack.circuits.settle(ticket, outcome, now)

    def compare_circuit(self, stack: Stack, key: Key, story: Story | None = None) -> None:
        """Is the circuit as the model has it, and was every change told?"""
        if not stack.plain:
            return
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
