"""Shares the gates of keys with the other workers."""

from __future__ import annotations

from typing import Any

from ranvier.fleet.port import MemberPort, milliseconds
from ranvier.pipeline.sharing.fleet import GateLinks, GatesListener
from ranvier.pipeline.sharing.updates import GateUpdate
from ranvier.store.commands.gates import CloseGate, GateView, OpenGate

MAX_GATES = 10_000
"""Maximum number of gates that are remembered; beyond that, the oldest are dropped."""

LEAST_EXTENSION = 0.25
"""A longer closing is sent only if it adds at least this many seconds: many calls close a gate at once."""

SOON = 1.0
"""A gate whose closing ends within this many seconds needs no news: it opens by itself."""

LONGEST = 86_400.0
"""Maximum seconds for which another worker can close a gate."""


class StoreGateLinks(GateLinks):
    """The links of all gates of one throttle."""

    def __init__(self, member: MemberPort, gates: GatesListener) -> None:
        self._member, self._gates = member, gates
        self._views: dict[str, GateView] = {}
        self._ends: dict[str, float] = {}  # when each closing ends
        self._closings: dict[str, tuple[str, float]] = {}  # reason and end of each closing by this worker

    @property
    def live(self) -> bool:
        """True if there may be other workers."""
        return self._member.live

    def name(self, provider: str, model: str | None, credential: str | None) -> str:
        """The name of a gate: a digest."""
        return self._member.digest("\n".join((provider, model or "", credential or "")))

    def closed(self, name: str, reason: str, seconds: float, *, final: bool) -> None:
        """The provider has limited or rejected the key."""
        until = self._member.clock() + seconds
        known = self._closings.get(name)
        if known is not None and known[0] == reason and until < known[1] + LEAST_EXTENSION:
            return
        self._closings[name] = reason, until
        _shorten(self._closings)
        command = CloseGate(name, self._member.worker.id, milliseconds(seconds), reason, final)
        self._member.send(command, self._member.apply)

    def opened(self, name: str) -> None:
        """An operator has opened the gate."""
        view = self._views.get(name)
        if view is not None:
            command = OpenGate(name, self._member.worker.id, view.generation)
            self._member.command(("gate", name), command, self._member.apply)
        self._closings.pop(name, None)

    def apply(self, view: GateView) -> None:
        """Take over the state of a gate in the store."""
        known = self._views.get(view.gate)
        if not view.generation:  # it is open, and a push of that may not have come
            self._views.pop(view.gate, None)
            if known is not None and known.closed_for:
                self._gates.apply(GateUpdate(view.gate, "", 0.0))
            return
        if known is not None and (view.generation, view.closed_for) <= (known.generation, known.closed_for):
            return
        self._views[view.gate] = view
        _shorten(self._views)
        self._ends[view.gate] = self._member.clock() + view.closed_for / 1000
        _shorten(self._ends)
        if view.by != self._member.worker.id:
            seconds = min(max(view.closed_for, 0) / 1000, LONGEST)
            self._gates.apply(GateUpdate(view.gate, view.reason if seconds else "", seconds))

    def generation(self, name: str) -> int:
        """The generation of a gate; 0 if it is not known."""
        view = self._views.get(name)
        return 0 if view is None else view.generation

    def known(self) -> list[str]:
        """The gates known to be closed for longer than `SOON`."""
        soon = self._member.clock() + SOON
        return [name for name, ends in self._ends.items() if ends > soon and name in self._views]

    def forget(self) -> None:
        """Forget all closings, because the store may be a new one."""
        self._views.clear()
        self._ends.clear()
        self._closings.clear()


def _shorten(known: dict[str, Any]) -> None:
    if len(known) > MAX_GATES:
        del known[next(iter(known))]
