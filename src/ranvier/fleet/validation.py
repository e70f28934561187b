"""Validates what a store sends, before it is used."""

from __future__ import annotations

from ranvier.facts.circuit import CircuitState
from ranvier.store.commands import Change
from ranvier.store.commands.circuits import CircuitKey, CircuitView
from ranvier.store.commands.gates import GateView
from ranvier.store.commands.spending import SliceView
from ranvier.store.commands.tenants import TenantKey, TenantView
from ranvier.store.errors import StoreError


def check_change(change: Change | SliceView) -> None:
    """Raise a `StoreError` if `change` is not valid."""
    if isinstance(change, CircuitView):
        numbers = change.generation, change.step, change.half, change.sample, change.failing, change.active
        sound = _is_circuit(change.circuit) and _whole(*numbers) and _waits(change.retry_after)
        sound = sound and isinstance(change.state, CircuitState)
    elif isinstance(change, TenantView):
        key = change.tenant
        sound = isinstance(key, TenantKey) and all(isinstance(part, str) for part in key)
        sound = sound and _whole(change.generation) and _waits(change.retry_after)
        sound = sound and isinstance(change.state, CircuitState)
    elif isinstance(change, GateView):
        sound = isinstance(change.gate, str) and isinstance(change.reason, str)
        sound = sound and _whole(change.generation, change.closed_for)
    elif isinstance(change, SliceView):
        amounts = change.window, change.ends_in, change.held, change.left
        sound = _whole(*amounts) and min(amounts) >= 0
    else:
        sound = False
    if not sound:
        raise StoreError("it sent a change that is not valid")


def _is_circuit(key: object) -> bool:
    if not isinstance(key, CircuitKey) or not isinstance(key.tenants_keys, bool):
        return False
    return isinstance(key.provider, str) and (key.model is None or isinstance(key.model, str))


def _whole(*numbers: object) -> bool:
    return all(type(number) is int for number in numbers)


def _waits(milliseconds: object) -> bool:
    return milliseconds is None or type(milliseconds) is int
