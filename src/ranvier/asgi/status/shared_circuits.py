"""The shared circuits on the status page: how many tenants fail at each target, and what follows."""

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
"""Those that are listed: first the ones that are not closed, then those at which most tenants fail."""


def shared_facts(circuits: SharedRegistry) -> dict[str, Any]:
    """The shared circuits, the most troubled first."""
    seen = sorted(islice(circuits, MAX_READ), key=_rank)
    return {
        "total": len(circuits),
        "troubled": sum(each.state is not CLOSED for each in seen),
        "rows": [_row(each) for each in seen[:MAX_LISTED]],
    }


def _rank(seen: SharedCircuitSnapshot) -> tuple[object, ...]:
    return RANKS[seen.state], -seen.failing, -seen.active, seen.target, seen.tenants_keys


def _row(seen: SharedCircuitSnapshot) -> dict[str, Any]:
    return {
        "target": seen.target,
        "provider": seen.provider,
        "model": seen.model,
        "keys": "tenants" if seen.tenants_keys else "ours",
        "state": str(seen.state),
        "mode": seen.mode,
        "failing": seen.failing,
        "active": seen.active,
        "probes": seen.probes,
        "rejected": seen.rejected,
        "opens": seen.total_opens,
        "retry_after": seen.retry_after,
    }


def findings_of(rows: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """The findings about the circuits in `rows`: a level and a sentence each."""
    return [_finding(row) for row in rows if row["state"] != CLOSED]


def _finding(row: dict[str, Any]) -> tuple[str, str]:
    whose = " with tenants' keys" if row["keys"] == "tenants" else ""
    circuit = f"the shared circuit of {row['target']}{whose}"
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
