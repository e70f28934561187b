"""Heartbeats of workers, reads of the changes in a store, and the view of all workers for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ranvier.store.commands.circuits import CircuitKey, CircuitView
from ranvier.store.commands.gates import GateView
from ranvier.store.commands.tenants import TenantKey, TenantView

Trouble: TypeAlias = CircuitKey | TenantKey | str
"""A circuit, the circuit of a tenant, or the name of a gate."""

RECENT = "recent"
"""The name of a worker's recent counts in its `about`; the store does not parse them."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Sent once a second; a worker without a heartbeat for 3 s counts as gone.

    Attributes:
        about: Text for operators: host, pid, version, and the recent counts.
        sums: Counters as totals since the worker started: those that changed since the last answered
            heartbeat, and all of them in a new epoch. They are whole numbers: send seconds as microseconds.
        gauges: All gauges; the store drops them when the worker is gone.
    """

    worker: str
    about: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, int] = field(default_factory=dict)
    gauges: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leave:
    """The worker ends: the store drops its gauges, and keeps its counters in the total."""

    worker: str


@dataclass(frozen=True, slots=True)
class Alive:
    """The reply to `Heartbeat` and `Leave`.

    Attributes:
        workers: The number of live workers, including this one.
        epoch: The key of the epoch. If it differs from the session's, data were lost: connect again.
        ignored: The number of counters that were not stored, because there are too many.
    """

    workers: int
    epoch: str
    ignored: int


@dataclass(frozen=True, slots=True)
class Look:
    """Reads the changes of circuits, gates and tenants: sent every second, and after `Missed`.

    Attributes:
        seen: The version in the last reply; 0 the first time. The reply has only later changes.
        known: Circuits and gates, at most 1,000, that the worker believes open, isolated, alarmed or closed.
            If anything has changed, the reply includes all of them, so that the worker learns which are well.
    """

    seen: int = 0
    known: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class LookReply:
    """The reply to `Look`.

    Attributes:
        epoch: As in `Alive`.
        version: The value of `seen` for the next `Look`.
        more: True if changes were left out: send another `Look` at once.
        changes: Circuits that are alarmed or not closed, closed gates, isolated circuits of tenants; and
            everything in `known`.
    """

    epoch: str
    version: int
    more: bool
    changes: tuple[CircuitView | GateView | TenantView, ...]


@dataclass(frozen=True, slots=True)
class ReadFleet:
    """Reads all live workers and the sums of their counters, for operators."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A live worker.

    Attributes:
        silent_for: Milliseconds since its last heartbeat.
    """

    worker: str
    silent_for: int
    about: Mapping[str, str]
    gauges: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The reply to `ReadFleet`.

    Attributes:
        workers: The live workers, at most 1,000; `live` is their number.
        sums: The counters of all workers, also of those that are gone. They never fall within an epoch.
    """

    workers: tuple[WorkerView, ...]
    live: int
    sums: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Missed:
    """Pushes were interrupted and have resumed: changes may be missing, so send a `Look`."""
