"""What one worker says about the gates of keys that workers share, and what it hears of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.pipeline.sharing.fleet import GateLinks, GatesHearing
from ranvier.pipeline.sharing.words import GateWord
from ranvier.store.commands.gates import CloseGate, GateView, OpenGate

if TYPE_CHECKING:
    from ranvier.fleet.member import Member

MAX_GATES = 10_000
"""Gates whose generation is remembered; of more, the oldest are forgotten."""


class StoreGateLinks(GateLinks):
    """The links of all gates of one throttle."""

    def __init__(self, member: Member, gates: GatesHearing) -> None:
        self._member, self._gates = member, gates
        self._views: dict[str, GateView] = {}

    @property
    def live(self) -> bool:
        """True if there may be other workers."""
        return self._member.live

    def name(self, provider: str, model: str | None, credential: str | None) -> str:
        """The name of a gate: a digest."""
        return self._member.digest("\n".join((provider, model or "", credential or "")))

    def closed(self, name: str, reason: str, seconds: float, *, final: bool) -> None:
        """The provider has limited or rejected the key."""
        milliseconds = round(min(seconds, 86_400.0) * 1000)
        command = CloseGate(name, self._member.worker.id, milliseconds, reason, final)
        self._member.say(command, self.hear)

    def opened(self, name: str) -> None:
        """An operator has opened the gate."""
        view = self._views.get(name)
        if view is not None:
            self._member.say(OpenGate(name, self._member.worker.id, view.generation), self.hear)

    def hear(self, view: GateView) -> None:
        """A gate is so in the store."""
        known = self._views.get(view.gate)
        if known is not None and (view.generation, view.closed_for) <= (known.generation, known.closed_for):
            return
        self._views[view.gate] = view
        if len(self._views) > MAX_GATES:
            del self._views[next(iter(self._views))]
        if view.by != self._member.worker.id:
            seconds = min(max(view.closed_for, 0) / 1000, 86_400.0)
            self._gates.hear(GateWord(view.gate, view.reason if seconds else "", seconds))

    def forget(self) -> None:
        """The store may be a new one."""
        self._views.clear()
