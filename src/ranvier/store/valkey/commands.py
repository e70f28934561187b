"""Which script carries out a command, and with which arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from ranvier.store.commands import Command
from ranvier.store.commands.circuits import (
    Alarm,
    Beat,
    Count,
    Disprove,
    Isolate,
    Probe,
    Prove,
    Release,
    Reset,
)
from ranvier.store.commands.gates import CloseGate, OpenGate
from ranvier.store.commands.tenants import (
    IsolateTenant,
    ResetTenant,
    TenantClosed,
    TenantFailed,
    TenantOpened,
)
from ranvier.store.commands.workers import Heartbeat, Leave, Look, ReadFleet
from ranvier.store.engine.limits import MAX_GAUGES, MAX_LOOKED, MAX_NUMBER
from ranvier.store.valkey.names import name_of_circuit, name_of_tenant

Argument = str | int | float
Arguments = Iterator[Argument]


def encoded(command: Command) -> tuple[str, list[bytes]]:
    """The name of the script, and its arguments after the root of the keys."""
    script, arguments = HOW[type(command)]
    return script, [_bytes(each) for each in arguments(command)]


def _bytes(argument: Argument) -> bytes:
    text = argument if isinstance(argument, str) else repr(argument)
    return text.encode("utf-8", "surrogatepass")


def _alarm(said: Alarm) -> Arguments:
    yield from (name_of_circuit(said.circuit), said.worker, said.generation)


def _count(said: Count) -> Arguments:
    rules = said.rules
    yield from (name_of_circuit(said.circuit), said.worker, said.generation, said.half)
    yield from (rules.votes, rules.share, rules.cooldown, rules.max_cooldown, said.jitter)
    for each in said.counts:
        yield from each


def _probe(said: Probe) -> Arguments:
    rules = said.rules
    yield from (name_of_circuit(said.circuit), said.worker, said.number, said.lease)
    yield from (rules.max_probes, rules.cooldown, rules.max_cooldown, said.jitter)


def _beat(said: Beat) -> Arguments:
    yield from (name_of_circuit(said.circuit), said.worker, said.number, said.generation)


def _release(said: Release) -> Arguments:
    yield from (name_of_circuit(said.circuit), said.worker, said.number, said.generation, int(said.sent))


def _prove(said: Prove) -> Arguments:
    yield from (name_of_circuit(said.circuit), said.worker, said.generation, said.number, int(said.observed))


def _disprove(said: Disprove) -> Arguments:
    rules = said.rules
    yield from (name_of_circuit(said.circuit), said.worker, said.generation)
    yield from (rules.cooldown, rules.max_cooldown, said.jitter)


def _isolate(said: Isolate) -> Arguments:
    yield from (name_of_circuit(said.circuit), said.worker, "isolated")


def _reset(said: Reset) -> Arguments:
    yield from (name_of_circuit(said.circuit), said.worker, "closed")


def _tenant_failed(said: TenantFailed) -> Arguments:
    yield name_of_tenant(said.tenant)


def _tenant_opened(said: TenantOpened) -> Arguments:
    yield from (name_of_tenant(said.tenant), said.worker, said.open_for)


def _tenant_closed(said: TenantClosed) -> Arguments:
    yield from (name_of_tenant(said.tenant), said.worker, said.generation)


def _isolate_tenant(said: IsolateTenant) -> Arguments:
    yield from (name_of_tenant(said.tenant), said.worker, "isolated")


def _reset_tenant(said: ResetTenant) -> Arguments:
    yield from (name_of_tenant(said.tenant), said.worker, "closed")


def _close_gate(said: CloseGate) -> Arguments:
    yield from (said.gate, said.worker, said.closed_for, said.reason, int(said.final))


def _open_gate(said: OpenGate) -> Arguments:
    yield from (said.gate, said.worker, said.generation)


def _heartbeat(said: Heartbeat) -> Arguments:
    gauges = dict(islice(said.gauges.items(), MAX_GAUGES))
    yield from (said.worker, _json(said.about), _json(gauges))
    for counter, total in said.sums.items():
        yield from (counter, min(total, MAX_NUMBER))


def _leave(said: Leave) -> Arguments:
    yield said.worker


def _look(said: Look) -> Arguments:
    yield said.seen
    yield from (name_of_circuit(each) for each in said.known[:MAX_LOOKED])


def _read_fleet(said: ReadFleet) -> Arguments:
    yield from ()


def _json(mapping: Mapping[str, str] | Mapping[str, int]) -> str:
    return json.dumps(dict(mapping))


HOW: dict[type, tuple[str, Callable[[Any], Arguments]]] = {
    Alarm: ("alarm", _alarm),
    Count: ("count", _count),
    Probe: ("probe", _probe),
    Beat: ("beat", _beat),
    Release: ("release", _release),
    Prove: ("prove", _prove),
    Disprove: ("disprove", _disprove),
    Isolate: ("enter", _isolate),
    Reset: ("enter", _reset),
    TenantFailed: ("tenant_failed", _tenant_failed),
    TenantOpened: ("tenant_opened", _tenant_opened),
    TenantClosed: ("tenant_closed", _tenant_closed),
    IsolateTenant: ("tenant_enter", _isolate_tenant),
    ResetTenant: ("tenant_enter", _reset_tenant),
    CloseGate: ("gate_close", _close_gate),
    OpenGate: ("gate_open", _open_gate),
    Heartbeat: ("heartbeat", _heartbeat),
    Leave: ("leave", _leave),
    Look: ("look", _look),
    ReadFleet: ("fleet", _read_fleet),
}
