"""The commands of workers, and the replies and pushed changes of a store: frozen records without logic."""

from __future__ import annotations

from typing import TypeAlias

from ranvier.store.commands import circuits, gates, spending, tenants, workers

CircuitCommand: TypeAlias = (
    circuits.Alarm
    | circuits.Count
    | circuits.Probe
    | circuits.Beat
    | circuits.Release
    | circuits.Prove
    | circuits.Disprove
    | circuits.Isolate
    | circuits.Reset
)
TenantCommand: TypeAlias = (
    tenants.TenantFailed
    | tenants.TenantOpened
    | tenants.TenantClosed
    | tenants.IsolateTenant
    | tenants.ResetTenant
)
GateCommand: TypeAlias = gates.CloseGate | gates.OpenGate
WorkerCommand: TypeAlias = workers.Heartbeat | workers.Leave | workers.Look | workers.ReadFleet

Command: TypeAlias = CircuitCommand | TenantCommand | GateCommand | WorkerCommand | spending.TakeSlice
"""Any command."""

Reply: TypeAlias = (
    circuits.CircuitReply
    | tenants.TenantView
    | gates.GateView
    | spending.SliceView
    | workers.Alive
    | workers.LookReply
    | workers.Fleet
)
"""Any reply; the module of a command names its type of reply."""

Change: TypeAlias = circuits.CircuitView | tenants.TenantView | gates.GateView | workers.Missed
"""A change that is pushed to every worker."""
