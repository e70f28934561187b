"""Executes the commands about gates of shared keys."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.store.commands import GateCommand
from ranvier.store.commands.gates import CloseGate, GateView, OpenGate
from ranvier.store.engine.limits import DAY, LEAST_EXTENSION, MAX_TROUBLES
from ranvier.store.engine.moment import Moment
from ranvier.store.engine.records import Records
from ranvier.store.engine.troubles import Troubles


@dataclass(frozen=True, slots=True)
class Closing:
    """The reason and the end of a gate's closing."""

    generation: int
    until: int
    reason: str
    by: str


class Gates:
    """The gates that are closed."""

    def __init__(self, troubles: Troubles) -> None:
        self.records: Records[str, Closing] = Records(MAX_TROUBLES)
        self._troubles = troubles

    def execute(self, command: GateCommand, now: Moment) -> tuple[GateView, list[GateView]]:
        """Execute one command: the reply, and the changes to push."""
        closing = self.at(command.gate, now.ms)
        after = (
            _close(command, closing, now) if isinstance(command, CloseGate) else _open(command, closing, now)
        )
        seen = view(command.gate, after, now.ms)
        if after is closing or after is None:
            return seen, []
        self._troubles.changed(command.gate, after.generation, troubled=after.until > now.ms)
        if after.until > now.ms:
            self.records.put(command.gate, after, now.ms, after.until - now.ms)
        else:
            self.records.drop(command.gate)
        return seen, [seen]

    def at(self, gate: str, ms: int) -> Closing | None:
        """The closing of `gate`; `None` if it has ended, or dates from before the clock was set back."""
        closing = self.records.get(gate, ms)
        return closing if closing is not None and ms < closing.until <= ms + DAY else None


def _close(command: CloseGate, closing: Closing | None, now: Moment) -> Closing | None:
    until = now.ms + min(max(command.closed_for, 0), DAY)
    if closing is None:
        return Closing(now.generation(), until, command.reason, command.worker) if until > now.ms else None
    longer = until >= closing.until + LEAST_EXTENSION
    final = command.final and command.reason != closing.reason
    if not longer and not final:
        return closing
    return Closing(
        now.generation(closing.generation), max(until, closing.until), command.reason, command.worker
    )


def _open(command: OpenGate, closing: Closing | None, now: Moment) -> Closing | None:
    if closing is None or closing.generation != command.generation:
        return closing
    return Closing(now.generation(closing.generation), 0, "", command.worker)


def view(gate: str, closing: Closing | None, ms: int) -> GateView:
    """The view of a gate at `ms`; without a closing it is open."""
    if closing is None:
        return GateView(gate, 0, 0, "", "")
    return GateView(gate, max(closing.until - ms, 0), closing.generation, closing.reason, closing.by)
