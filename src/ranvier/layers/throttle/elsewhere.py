"""Shares the gates of keys with other workers: a gate closed by one worker is closed at all."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ranvier import clock
from ranvier.layers.throttle.gate import Reason
from ranvier.layers.throttle.keys import Key, keys_of
from ranvier.pipeline.credentials import identity
from ranvier.pipeline.sharing.fleet import GateLinks, GatesListener
from ranvier.pipeline.sharing.fleets import Fleets
from ranvier.pipeline.sharing.single_worker import NO_GATE_LINKS
from ranvier.pipeline.sharing.updates import GateUpdate

if TYPE_CHECKING:
    from ranvier.layers.throttle.registry import Gates
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.runtime import Runtime

MAX_NAMES = 10_000
"""Maximum number of known names of gates, and of gates closed elsewhere that no call here has used yet."""


class GatesElsewhere(GatesListener):
    """Shares the gates of one throttle with the other workers.

    The name of a gate does not reveal its key. So a gate that is closed elsewhere is kept by name until a
    call with that key arrives.

    Attributes:
        unseen: These gates, with the reasons and the times until which they are closed.
    """

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._fleets = Fleets(self._join)
        self._links: GateLinks = NO_GATE_LINKS
        self._names: OrderedDict[Key, str] = OrderedDict()
        self._keys: dict[str, Key] = {}
        self.unseen: OrderedDict[str, tuple[Reason, float]] = OrderedDict()

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: share the gates with its fleet, unless they are still in another one."""
        self._fleets.opened(pipeline)

    def _join(self, pipeline: Runtime) -> None:
        self._names.clear()
        self._keys.clear()
        self.unseen.clear()
        self._links = pipeline.fleet.follow_gates(self)

    # --- for the throttle ------------------------------------------------------------------------

    def learn(self, call: Call) -> None:
        """Close the gates of `call` that are closed elsewhere."""
        now = call.pipeline.clock()
        while self.unseen and next(iter(self.unseen.values()))[1] <= now:
            self.unseen.popitem(last=False)
        if not self.unseen or _is_own(call):
            return
        for key in keys_of(call.deployment, identity.account(call)):
            closed = self.unseen.pop(self._name(key, call), None)
            if closed is not None and closed[1] > now:
                self._gates.close(key, *closed, now)

    def closed(self, call: Call, key: Key, reason: Reason, seconds: float) -> None:
        """Report that the answer to `call` has closed a gate here."""
        if self._links.live and not _is_own(call):
            self._links.closed(self._name(key, call), reason.value, seconds, final=not reason.passes)

    def reopened(self, key: Key) -> None:
        """Report that an operator has opened a gate here."""
        if key in self._names:
            self._links.opened(self._names[key])

    def _name(self, key: Key, call: Call) -> str:
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._links.name(key[0], key[1], call.credential)
            self._keys[name] = key
            if len(self._names) > MAX_NAMES:
                self._keys.pop(self._names.popitem(last=False)[1], None)
        return name

    # --- receiving -------------------------------------------------------------------------------

    def apply(self, update: GateUpdate) -> None:
        """Apply a change: another worker has closed a gate, or an operator has opened it there."""
        key, now, reason = self._keys.get(update.name), clock.now(), _reason(update.reason)
        until = now + min(update.closed_for, self._gates.longest(reason))  # the store's clock may be wrong
        self.unseen.pop(update.name, None)
        if key is None and update.closed_for:
            self.unseen[update.name] = reason, until
            if len(self.unseen) > MAX_NAMES:
                self.unseen.popitem(last=False)
        elif key is not None and update.closed_for:
            self._gates.close(key, reason, until, now)
        elif key is not None and key in self._gates.known:
            self._gates.known[key].reopen(now)


def _is_own(call: Call) -> bool:
    """True if the key or the endpoint of `call` is the tenant's own."""
    return call.tenants_key or call.access is not None


def _reason(value: str) -> Reason:
    """The reason named `value`; another version of the library may send unknown ones."""
    return Reason(value) if value in tuple(Reason) else Reason.RATE_LIMIT
