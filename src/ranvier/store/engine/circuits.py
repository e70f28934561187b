"""Executes the commands about shared circuits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ranvier.facts.circuit import CLOSED, ISOLATED, OPEN, CircuitState
from ranvier.store.commands import CircuitCommand
from ranvier.store.commands.circuits import (
    Alarm,
    Beat,
    CircuitKey,
    CircuitReply,
    CircuitView,
    Count,
    Disprove,
    Isolate,
    Probe,
    Prove,
    Release,
    Reset,
    TenantCount,
)
from ranvier.store.engine.circuit import Circuit, view
from ranvier.store.engine.limits import KEEP_CIRCUIT, KEEP_ISOLATED, LEASE_LIVES, MAX_COUNTED, MAX_TROUBLES
from ranvier.store.engine.moment import Moment
from ranvier.store.engine.records import Records
from ranvier.store.engine.troubles import Troubles

C = TypeVar("C", bound=CircuitCommand)

REFUSED, ACCEPTED, CHANGED = range(3)
"""The result of a command: no effect, accepted, or accepted with a change that is pushed to all workers."""


class Circuits:
    """All shared circuits of a store."""

    def __init__(self, troubles: Troubles) -> None:
        self.records: Records[CircuitKey, Circuit] = Records(MAX_TROUBLES)
        self._troubles = troubles

    def at(self, key: CircuitKey, ms: int) -> Circuit | None:
        """The circuit at `ms`; `None` if there is no record of it."""
        circuit = self.records.get(key, ms)
        if circuit is not None:
            circuit.set_right(ms)
        return circuit

    def execute(self, command: CircuitCommand, now: Moment) -> tuple[CircuitReply, list[CircuitView]]:
        """Execute one command: the reply, and the changes to push."""
        circuit = self.at(command.circuit, now.ms)
        if circuit is None and isinstance(command, (Alarm, Isolate, Reset)):
            circuit = Circuit(now.generation())
        if circuit is None:
            return CircuitReply(False, view(command.circuit, None, now.ms)), []
        came = HOW[type(command)](circuit, command, now)
        if came == CHANGED:
            circuit.step += 1
            circuit.by = command.worker
            self._troubles.changed(command.circuit, circuit.generation, troubled=circuit.troubled)
        lives = KEEP_ISOLATED if circuit.state is ISOLATED else KEEP_CIRCUIT
        self.records.put(command.circuit, circuit, now.ms, lives)
        seen = view(command.circuit, circuit, now.ms)
        reply = CircuitReply(came != REFUSED, seen)
        if isinstance(command, Probe) and came == REFUSED and circuit.state is OPEN:
            wait = circuit.next_in(command.rules, now.ms)
            reply = CircuitReply(False, view(command.circuit, circuit, now.ms, wait))
        return reply, [seen] if came == CHANGED else []


# --- evidence ------------------------------------------------------------------------------------


def _alarm(circuit: Circuit, command: Alarm, now: Moment) -> int:
    if circuit.state is not CLOSED:
        return REFUSED
    if circuit.step and command.generation not in (0, circuit.generation):
        return REFUSED
    if circuit.alarmed:
        circuit.votes.begin_anew(now.ms)
        return ACCEPTED
    circuit.raise_alarm(command.voters, now)
    return CHANGED


def _count(circuit: Circuit, command: Count, now: Moment) -> int:
    if command.generation != circuit.generation or not circuit.alarmed:
        return REFUSED
    votes = circuit.votes
    votes.begin_anew(now.ms)
    taken = command.half in (votes.half, votes.half - 1)
    if taken:
        for worker, half, counted in ((command.worker, command.half, each) for each in command.counts):
            votes.count(worker, half, _counted(counted))
        if circuit.opens_by(command.rules):
            circuit.open(command.rules, command.jitter, now)
            return CHANGED
    if votes.turn(now.ms, command.rules.votes):
        circuit.calm(now)
        return CHANGED
    if votes.widen(now.ms):
        return CHANGED
    return ACCEPTED if taken else REFUSED


def _counted(command: TenantCount) -> TenantCount:
    contents, failures = (min(max(each, 0), MAX_COUNTED) for each in (command.contents, command.failures))
    return TenantCount(command.tenant, contents, failures)


# --- probes --------------------------------------------------------------------------------------


def _probe(circuit: Circuit, command: Probe, now: Moment) -> int:
    if circuit.state is not OPEN:
        return REFUSED
    circuit.tidy(now.ms)
    if (command.worker, command.number) in circuit.leases:
        return ACCEPTED
    if circuit.next_in(command.rules, now.ms) > 0:
        return REFUSED
    circuit.grant(command, now.ms)
    return CHANGED


def _beat(circuit: Circuit, command: Beat, now: Moment) -> int:
    holder = command.worker, command.number
    lease = circuit.leases_at(now.ms).get(holder)
    if lease is None or command.generation != circuit.generation:
        return REFUSED
    circuit.leases[holder] = lease._replace(alive=now.ms + LEASE_LIVES)
    return ACCEPTED


def _release(circuit: Circuit, command: Release, now: Moment) -> int:
    if command.generation != circuit.generation:
        return REFUSED
    lease = circuit.leases.pop((command.worker, command.number), None)
    if lease is None:
        return REFUSED
    if not command.sent:
        circuit.give_back(lease, now.ms)
    return CHANGED


def _prove(circuit: Circuit, command: Prove, now: Moment) -> int:
    if command.generation != circuit.generation or circuit.state is not OPEN:
        return REFUSED
    if command.number and (command.worker, command.number) not in circuit.leases_at(now.ms):
        return REFUSED
    if command.observed and now.ms < circuit.next_probe:
        return REFUSED
    circuit.enter(CLOSED, now)
    return CHANGED


def _disprove(circuit: Circuit, command: Disprove, now: Moment) -> int:
    due = now.ms >= circuit.next_probe and circuit.state is OPEN
    if command.generation != circuit.generation or not due:
        return REFUSED
    circuit.cool_down(command.rules, command.jitter, now.ms)
    return CHANGED


# --- operators -----------------------------------------------------------------------------------


def _isolate(circuit: Circuit, command: Isolate, now: Moment) -> int:
    return _enter(circuit, ISOLATED, now)


def _reset(circuit: Circuit, command: Reset, now: Moment) -> int:
    return _enter(circuit, CLOSED, now)


def _enter(circuit: Circuit, state: CircuitState, now: Moment) -> int:
    if circuit.state is state and circuit.step and not circuit.alarmed:
        return ACCEPTED
    circuit.enter(state, now)
    return CHANGED


HOW: dict[type, Callable[[Circuit, Any, Moment], int]] = {
    Alarm: _alarm,
    Count: _count,
    Probe: _probe,
    Beat: _beat,
    Release: _release,
    Prove: _prove,
    Disprove: _disprove,
    Isolate: _isolate,
    Reset: _reset,
}
