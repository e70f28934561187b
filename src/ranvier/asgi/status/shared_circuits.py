"""The shared circuits on the status page: how many tenants fail at each target, and the findings."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from ranvier.asgi.status.circuits import RANKS
from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, SharedCircuitSnapshot
from ranvier.pipeline.circuits import SharedRegistry

MAX_READ = 1000
"""Maximum number of shared circuits that are read: a target has up to four (model and endpoint, each for
calls with your keys and for calls with tenants' own keys)."""

MAX_LISTED = 100
"""Maximum number of shared circuits that are listed: those not closed first, then by failing tenants."""


def shared_facts(circuits: SharedRegistry) -> dict[str, Any]:
    """The shared circuits, the most troubled first."""
    snapshots = sorted(islice(circuits, MAX_READ), key=_rank)
    return {
        "total": len(circuits),
        "troubled": sum(each.state is not CLOSED for each in snapshots),
        "rows": [_row(each) for each in snapshots[:MAX_LISTED]],
    }


def _rank(circuit: SharedCircuitSnapshot) -> tuple[object, ...]:
    return RANKS[circuit.state], -circuit.failing, -circuit.active, circuit.target, circuit.tenants_keys


def _row(circuit: SharedCircuitSnapshot) -> dict[str, Any]:
    return {
        "target": circuit.target,
        "provider": circuit.provider,
        "model": circuit.model,
        "keys": "tenants" if circuit.tenants_keys else "ours",
        "state": str(circuit.state),
        "mode": circuit.mode,
        "failing": circuit.failing,
        "active": circuit.active,
        "probes": circuit.probes,
        "rejected": circuit.rejected,
        "opens": circuit.total_opens,
        "retry_after": circuit.retry_after,
    }


def findings_of(rows: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """The findings (level and sentence) about the circuits in `rows`."""
    return [_finding(row) for row in rows if row["state"] != CLOSED]


def _finding(row: dict[str, Any]) -> tuple[str, str]:
    keys = " with tenants' keys" if row["keys"] == "tenants" else ""
    circuit = f"the shared circuit of {row['target']}{keys}"
    if row["state"] == ISOLATED:
        return "strained", f"{circuit} is isolated"
    failing = f"{row['failing']} of {row['active']} tenants failing"
    if row["state"] == HALF_OPEN:
        return "strained", f"{circuit} is half-open, {failing}"
    if row["mode"] == "observed":
        return "strained", f"{circuit} would be open, {failing}"
    if row["retry_after"] == 0:
        return "strained", f"{circuit} is ready for a probe"
    return "trouble", f"{circuit} is open, {failing}"
