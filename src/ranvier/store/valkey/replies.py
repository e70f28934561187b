"""Decodes the replies and pushes of the scripts: JSON objects, whose unknown fields are ignored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ranvier.facts.circuit import CircuitState
from ranvier.store.commands import (
    Change,
    CircuitCommand,
    Command,
    GateCommand,
    Reply,
    TenantCommand,
)
from ranvier.store.commands.circuits import CircuitReply, CircuitView
from ranvier.store.commands.gates import GateView
from ranvier.store.commands.spending import SliceView, TakeSlice
from ranvier.store.commands.tenants import TenantView
from ranvier.store.commands.workers import Alive, Fleet, Heartbeat, Leave, Look, LookReply, WorkerView
from ranvier.store.engine.limits import MAX_GAUGES
from ranvier.store.valkey.names import circuit_of_name, tenant_of_name

Fields = Mapping[str, Any]


def reply_to(command: Command, raw: bytes) -> Reply:
    """The reply to a command.

    Raises:
        ValueError: the reply is not valid.
    """
    try:
        return _reply(command, _loaded(raw))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _reply(command: Command, fields: Fields) -> Reply:
    if isinstance(command, CircuitCommand):
        return CircuitReply(bool(fields["accepted"]), _circuit(fields["circuit"]))
    if isinstance(command, TenantCommand):
        return _tenant(fields)
    if isinstance(command, GateCommand):
        return _gate(fields)
    if isinstance(command, TakeSlice):
        return SliceView(*(int(fields[name]) for name in ("window", "ends_in", "held", "left")))
    if isinstance(command, Heartbeat):
        return _alive(fields, max(len(command.gauges) - MAX_GAUGES, 0))
    if isinstance(command, Leave):
        return _alive(fields, 0)
    if isinstance(command, Look):
        changes = tuple(_change(each) for each in fields["changes"])
        return LookReply(fields["epoch"], int(fields["version"]), bool(fields["more"]), changes)
    return _fleet(fields)


def pushed(raw: bytes) -> Change | None:
    """The change in a push; `None` if this version does not know its type."""
    try:
        return _change(_loaded(raw))
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _loaded(raw: bytes) -> Fields:
    fields: Fields = json.loads(raw.decode("utf-8", "surrogatepass"))
    return fields


def _change(fields: Fields) -> CircuitView | GateView | TenantView:
    kind = next((each for each in READERS if each in fields), "none that is known")
    return READERS[kind](fields)


def _circuit(fields: Fields) -> CircuitView:
    return CircuitView(
        circuit=circuit_of_name(fields["circuit"]),
        state=CircuitState(fields["state"]),
        generation=int(fields["generation"]),
        step=int(fields["step"]),
        retry_after=_optional(fields, "retry_after"),
        alarmed=bool(fields["alarmed"]),
        half=int(fields["half"]),
        sample=int(fields["sample"]),
        failing=int(fields["failing"]),
        active=int(fields["active"]),
        probes=int(fields["probes"]),
        opens=int(fields["opens"]),
        by=fields["by"],
    )


def _gate(fields: Fields) -> GateView:
    return GateView(
        gate=fields["gate"],
        closed_for=int(fields["closed_for"]),
        generation=int(fields["generation"]),
        reason=fields["reason"],
        by=fields["by"],
    )


def _tenant(fields: Fields) -> TenantView:
    return TenantView(
        tenant=tenant_of_name(fields["tenant"]),
        state=CircuitState(fields["state"]),
        generation=int(fields["generation"]),
        retry_after=_optional(fields, "retry_after"),
        by=fields["by"],
    )


READERS: dict[str, Callable[[Fields], CircuitView | GateView | TenantView]] = {
    "circuit": _circuit,
    "gate": _gate,
    "tenant": _tenant,
}


def _alive(fields: Fields, ignored: int) -> Alive:
    return Alive(int(fields["workers"]), fields["epoch"], int(fields["ignored"]) + ignored)


def _fleet(fields: Fields) -> Fleet:
    workers = (
        WorkerView(
            each["worker"], int(each["silent_for"]), json.loads(each["about"]), json.loads(each["gauges"])
        )
        for each in fields["workers"]
    )
    names = iter(fields["sums"])
    return Fleet(tuple(workers), int(fields["live"]), {name: int(next(names)) for name in names})


def _optional(fields: Fields, name: str) -> int | None:
    value = fields.get(name)
    return None if value is None else int(value)
