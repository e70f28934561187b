"""Moves the circuits of a breaker to another breaker with other settings, at a reload.

It is a part of `Circuits` and `SharedCircuitRegistry`, and sets their private attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Protocol

from ranvier import clock
from ranvier.layers.breaker.circuit import Circuit
from ranvier.layers.breaker.registry import Circuits
from ranvier.layers.breaker.settings import OFF, CircuitSettings

if TYPE_CHECKING:
    from ranvier.layers.breaker.shared.registry import SharedCircuitRegistry


class Ruling(Protocol):
    """The part of a `Breaker` that determines the settings of its circuits."""

    rules: CircuitSettings
    circuits: Circuits
    names: dict[str, str]

    @property
    def overrides(self) -> Mapping[str, Ruling]:
        """The settings for single targets."""


RulesOf = Callable[[Hashable, Circuit], CircuitSettings]


def adopt(breaker: Ruling, before: Ruling) -> None:
    """Let `breaker` use the circuits of `before`, which also still uses them.

    A circuit keeps its state, and the end of a running cooldown. After that it follows the new settings. A
    breaker that is off keeps no circuits.
    """
    if breaker.rules.mode != OFF:
        circuits, fresh = before.circuits, breaker.circuits
        _rename(circuits, before.names, breaker.names)
        if not _same_rules(breaker, before):
            rules_of = _rules_by_name(breaker, before)
            for key, circuit in circuits._circuits.items():
                circuit.follow(rules_of(key, circuit), fresh._kind)
        circuits._rules, circuits._rules_for = breaker.rules, fresh._rules_for
        circuits._kind, circuits._max_circuits = fresh._kind, fresh._max_circuits
        circuits.models, circuits.providers = fresh.models, fresh.providers
        _evict(circuits, len(circuits) - circuits._max_circuits)
        breaker.circuits = circuits


def adopt_shared(fresh: SharedCircuitRegistry, before: SharedCircuitRegistry) -> SharedCircuitRegistry:
    """The shared circuits of `before`, with the settings of `fresh` from now on."""
    before.rules = fresh.rules
    before._listed |= fresh._listed
    for circuit in before._circuits.values():
        circuit.rules = fresh.rules
        circuit.votes.follow(fresh.rules.votes)
    return before


# --- names ---------------------------------------------------------------------------------------


def _rename(circuits: Circuits, before: dict[str, str], after: dict[str, str]) -> None:
    """Rename circuits whose provider now has several models: to `provider/model`, or back to the provider."""
    renamed = {name: after[target] for target, name in before.items() if after.get(target, name) != name}
    for key in [each for each in circuits._circuits if _name_in(each) in renamed] if renamed else ():
        assert isinstance(key, tuple)
        circuit, name = circuits._circuits.pop(key), (key[0], renamed[key[1]])
        circuits._circuits[name] = circuit
        if circuit in circuits._idle:
            circuits._idle[circuit] = name
        if key in circuits._unclaimed:
            circuits._unclaimed.add(name)
            circuits._unclaimed.discard(key)


def _name_in(key: Hashable) -> str | None:
    """The provider or target in the key of a circuit; `None` if the key is custom."""
    return key[1] if isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], str) else None


# --- rules ---------------------------------------------------------------------------------------


def _same_rules(breaker: Ruling, before: Ruling) -> bool:
    """True if the settings of every circuit are unchanged."""
    pairs = [(breaker, before)]
    if breaker.overrides.keys() != before.overrides.keys():
        return False
    pairs += [(own, before.overrides[name]) for name, own in breaker.overrides.items()]
    if not all(own.rules.same_as(other.rules) for own, other in pairs):
        return False
    for own, other in pairs:
        own.rules = other.rules
    return True


def _rules_by_name(breaker: Ruling, before: Ruling) -> RulesOf:
    """The settings of a circuit: by the name in its key; with a custom key, by the settings it had before."""
    if breaker.names:
        own = {name: each.rules for name, each in breaker.overrides.items()}

        def by_name(key: Hashable, circuit: Circuit) -> CircuitSettings:
            name = _name_in(key) or ""
            return own.get(name) or own.get(name.partition("/")[0]) or breaker.rules

        return by_name
    had = {
        id(each.rules): breaker.overrides.get(name, breaker).rules for name, each in before.overrides.items()
    }
    return lambda key, circuit: had.get(id(circuit.rules), breaker.rules)


def _evict(circuits: Circuits, too_many: int) -> None:
    for _ in range(min(too_many, len(circuits._idle))):
        circuits._evict(clock.now())
