"""The targets of a breaker with their shared circuits, bounded in number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.layers.breaker.shared.followed_circuit import FollowedCircuit
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.layers.breaker.shared.target import SharedTarget
from ranvier.pipeline.credentials import identity

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

MAX_TARGETS = 10_000
"""Maximum number of targets with shared circuits. A further target replaces a healthy one that the stack does
not list, if there is any; otherwise its calls have no shared circuit."""


class SharedTargets:
    """The targets by name, and the circuits of their models and endpoints.

    Attributes:
        ours, theirs: The circuits by target: for calls with our keys, and for calls with tenants' own keys.
    """

    def __init__(self, rules: SharedCircuits) -> None:
        self.rules = rules
        self._circuits: dict[tuple[str, str | None, bool], FollowedCircuit] = {}
        self.ours: dict[str, SharedTarget] = {}
        self.theirs: dict[str, SharedTarget] = {}
        self._listed: set[str] = set()  # the targets of the stacks, which are never replaced

    def _made(self, circuit: FollowedCircuit) -> None:
        """Called with each new circuit."""

    def at(self, call: Call) -> SharedTarget | None:
        """The shared circuits for `call`; `None` if there are too many targets."""
        targets = self.theirs if call.tenants_key else self.ours
        name = identity.target(call)
        target = targets.get(name)
        if target is None and (len(targets) < MAX_TARGETS or self._forgets_one_of(targets)):
            server, model = identity.server(call), call.deployment.model
            circuits = (self.circuit(server, each, call.tenants_key) for each in (model, None))
            target = targets[name] = SharedTarget(*circuits)
        return target

    def _forgets_one_of(self, targets: dict[str, SharedTarget]) -> bool:
        """Drop the oldest unlisted target with closed circuits and without waiting calls; false if none."""
        for name, target in targets.items():
            if name not in self._listed and target.closed and not target.waiting:
                del targets[name], self._circuits[target.model.key]
                if not any(each.endpoint is target.endpoint for each in targets.values()):
                    del self._circuits[target.endpoint.key]
                return True
        return False

    def circuit(self, provider: str, model: str | None, tenants_keys: bool) -> FollowedCircuit:
        """The circuit of a model or of an endpoint; a new one if there is none."""
        key = provider, model, tenants_keys
        circuit = self._circuits.get(key)
        if circuit is None:
            circuit = self._circuits[key] = FollowedCircuit(self.rules, provider, model, tenants_keys)
            self._made(circuit)
        return circuit

    def circuits(self) -> list[FollowedCircuit]:
        """All shared circuits."""
        return list(self._circuits.values())
