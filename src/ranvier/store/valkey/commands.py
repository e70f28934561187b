"""Encodes a command as the name of a script and its arguments."""

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
from ranvier.store.commands.spending import TakeSlice
from ranvier.store.commands.tenants import (
    IsolateTenant,
    ResetTenant,
    TenantClosed,
    TenantFailed,
    TenantOpened,
)
from ranvier.store.commands.workers import Heartbeat, Leave, Look, ReadFleet
from ranvier.store.engine.limits import MAX_GAUGES, MAX_LOOKED, MAX_NUMBER
from ranvier.store.valkey.names import name_of_circuit, name_of_tenant, name_of_trouble

Argument = str | int | float
Arguments = Iterator[Argument]


def encoded(command: Command) -> tuple[str, list[bytes]]:
    """The name of the script, and its arguments after the root of the keys."""
    script, arguments = HOW[type(command)]
    return script, [_bytes(each) for each in arguments(command)]


def _bytes(argument: Argument) -> bytes:
    text = argument if isinstance(argument, str) else repr(argument)
    return text.encode("utf-8", "surrogatepass")


def _alarm(command: Alarm) -> Arguments:
    yield from (name_of_circuit(command.circuit), command.worker, command.generation, command.voters)


def _count(command: Count) -> Arguments:
    rules = command.rules
    yield from (name_of_circuit(command.circuit), command.worker, command.generation, command.half)
    yield from (rules.votes, rules.share, rules.cooldown, rules.max_cooldown, command.jitter)
    for each in command.counts:
        yield from each


def _probe(command: Probe) -> Arguments:
    rules = command.rules
    yield from (name_of_circuit(command.circuit), command.worker, command.number, command.lease)
    yield from (rules.max_probes, rules.cooldown, rules.max_cooldown, command.jitter)


def _beat(command: Beat) -> Arguments:
    yield from (name_of_circuit(command.circuit), command.worker, command.number, command.generation)


def _release(command: Release) -> Arguments:
    yield from (
        name_of_circuit(command.circuit),
        command.worker,
        command.number,
        command.generation,
        int(command.sent),
    )


def _prove(command: Prove) -> Arguments:
    yield from (
        name_of_circuit(command.circuit),
        command.worker,
        command.generation,
        command.number,
        int(command.observed),
    )


def _disprove(command: Disprove) -> Arguments:
    rules = command.rules
    yield from (name_of_circuit(command.circuit), command.worker, command.generation)
    yield from (rules.cooldown, rules.max_cooldown, command.jitter)


def _isolate(command: Isolate) -> Arguments:
    yield from (name_of_circuit(command.circuit), command.worker, "isolated")


def _reset(command: Reset) -> Arguments:
    yield from (name_of_circuit(command.circuit), command.worker, "closed")


def _tenant_failed(command: TenantFailed) -> Arguments:
    yield name_of_tenant(command.tenant)


def _tenant_opened(command: TenantOpened) -> Arguments:
    yield from (name_of_tenant(command.tenant), command.worker, command.open_for)


def _tenant_closed(command: TenantClosed) -> Arguments:
    yield from (name_of_tenant(command.tenant), command.worker, command.generation)


def _isolate_tenant(command: IsolateTenant) -> Arguments:
    yield from (name_of_tenant(command.tenant), command.worker, "isolated")


def _reset_tenant(command: ResetTenant) -> Arguments:
    yield from (name_of_tenant(command.tenant), command.worker, "closed")


def _close_gate(command: CloseGate) -> Arguments:
    yield from (command.gate, command.worker, command.closed_for, command.reason, int(command.final))


def _open_gate(command: OpenGate) -> Arguments:
    yield from (command.gate, command.worker, command.generation)


def _take_slice(command: TakeSlice) -> Arguments:
    yield from (command.limit, command.tenant, command.length, command.window, command.worker)
    yield from (command.number, command.spent, command.least, command.wanted, command.cap, int(command.anew))


def _heartbeat(command: Heartbeat) -> Arguments:
    gauges = dict(islice(command.gauges.items(), MAX_GAUGES))
    yield from (command.worker, _json(command.about), _json(gauges))
    for counter, total in command.sums.items():
        yield from (counter, min(total, MAX_NUMBER))


def _leave(command: Leave) -> Arguments:
    yield command.worker


def _look(command: Look) -> Arguments:
    yield command.seen
    yield from (name_of_trouble(each) for each in command.known[:MAX_LOOKED])


def _read_fleet(command: ReadFleet) -> Arguments:
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
    TakeSlice: ("take_slice", _take_slice),
    Heartbeat: ("heartbeat", _heartbeat),
    Leave: ("leave", _leave),
    Look: ("look", _look),
    ReadFleet: ("fleet", _read_fleet),
}
