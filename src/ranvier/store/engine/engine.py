"""The complete state of a store: executes any command, at the time that the caller passes."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.store.commands import (
    Change,
    CircuitCommand,
    Command,
    GateCommand,
    Reply,
    TenantCommand,
)
from ranvier.store.commands.circuits import CircuitKey, CircuitView
from ranvier.store.commands.gates import GateView
from ranvier.store.commands.spending import TakeSlice
from ranvier.store.commands.tenants import TenantKey, TenantView
from ranvier.store.commands.workers import Heartbeat, Leave, Look, LookReply, Trouble
from ranvier.store.engine import circuit, gates, tenants
from ranvier.store.engine.circuits import Circuits
from ranvier.store.engine.gates import Gates
from ranvier.store.engine.limits import MAX_LOOKED
from ranvier.store.engine.moment import Moment
from ranvier.store.engine.spending import Spending
from ranvier.store.engine.tenants import Tenants
from ranvier.store.engine.troubles import Troubles
from ranvier.store.engine.workers import Workers


class Engine:
    """Holds the state of a store, and executes commands on it.

    Args:
        epoch: The key that identifies these data; see `Epoch`.
    """

    def __init__(self, epoch: str) -> None:
        self.troubles = Troubles()
        self.circuits = Circuits(self.troubles)
        self.tenants = Tenants(self.troubles)
        self.gates = Gates(self.troubles)
        self.spending = Spending()
        self.workers = Workers(epoch)

    def execute(self, command: Command, us: int) -> tuple[Reply, Sequence[Change]]:
        """Execute one command at the microsecond `us`: the reply, and the changes to push to all workers."""
        now = Moment(us, self.troubles.version)
        if isinstance(command, CircuitCommand):
            return self.circuits.execute(command, now)
        if isinstance(command, TenantCommand):
            return self.tenants.execute(command, now)
        if isinstance(command, GateCommand):
            return self.gates.execute(command, now)
        if isinstance(command, TakeSlice):
            return self.spending.take(command, now), ()
        if isinstance(command, Heartbeat):
            return self.workers.beat(command, now), ()
        if isinstance(command, Leave):
            return self.workers.leave(command, now), ()
        if isinstance(command, Look):
            return self._look(command, now), ()
        return self.workers.fleet(now), ()

    # --- looking ---------------------------------------------------------------------------------

    def _look(self, command: Look, now: Moment) -> LookReply:
        version = self.troubles.version
        seen = command.seen if command.seen <= version else 0
        troubles, more = self.troubles.since(seen)
        found: dict[Trouble, CircuitView | GateView | TenantView] = {}
        for which, _ in troubles:
            view, troubled = self._view(which, now)
            if troubled:
                found[which] = view
            else:
                self.troubles.over(which)
        if seen == 0 or seen != version:
            for key in command.known[:MAX_LOOKED]:
                if key not in found:
                    found[key] = self._view(key, now)[0]
        last = troubles[-1][1] if more else version
        return LookReply(self.workers.epoch, last, more, tuple(found.values()))

    def _view(self, which: Trouble, now: Moment) -> tuple[CircuitView | GateView | TenantView, bool]:
        """The current view of `which`, and whether there is a record of it."""
        if isinstance(which, CircuitKey):
            record = self.circuits.at(which, now.ms)
            return circuit.view(which, record, now.ms), record is not None
        if isinstance(which, TenantKey):
            known = self.tenants.at(which, now.ms)
            return tenants.view(which, known, now.ms), known is not None
        closing = self.gates.at(which, now.ms)
        return gates.view(which, closing, now.ms), closing is not None
