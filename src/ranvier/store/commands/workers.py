"""The commands of workers about themselves, and what operators see of all of them."""

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
"""What a worker has counted lately, by this name in its `about`; the store does not read it."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Once a second: the worker lives. Without one for 3 s it counts as gone.

    Attributes:
        about: What operators see of it, as text: host, pid, version, and its recent numbers.
        sums: Counters, as absolute sums since the worker began: those that changed since the last beat that
            was answered, and all of them in a new epoch. Whole numbers: scale seconds to microseconds.
        gauges: All of them, each time; they disappear with the worker.
    """

    worker: str
    about: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, int] = field(default_factory=dict)
    gauges: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leave:
    """The worker ends: its gauges disappear now, and its sums stay in the total."""

    worker: str


@dataclass(frozen=True, slots=True)
class Alive:
    """The reply to `Heartbeat` and `Leave`.

    Attributes:
        workers: How many live, the asking one included.
        epoch: The key of the epoch. If it is not that of the session, the data were lost: connect again.
        ignored: Counters that were not kept, because there are too many.
    """

    workers: int
    epoch: str
    ignored: int


@dataclass(frozen=True, slots=True)
class Look:
    """What is not as it should be: every second, and after `Missed`.

    Attributes:
        seen: The version of the last answer; 0 the first time. Only what changed since then is answered.
        known: What the worker holds for a trouble. If anything changed, each is shown, so that one which is
            over is seen as well. At most 1,000.
    """

    seen: int = 0
    known: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """The reply to `Look`.

    Attributes:
        epoch: As in `Alive`.
        version: To be passed as `seen` the next time.
        more: There is more: look again at once.
        changes: Circuits that are alarmed or not closed, gates that are closed, isolated circuits of tenants;
            and all that the worker knows.
    """

    epoch: str
    version: int
    more: bool
    changes: tuple[CircuitView | GateView | TenantView, ...]


@dataclass(frozen=True, slots=True)
class ReadFleet:
    """What operators see of all workers."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker that lives.

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
        workers: Those that live, at most 1,000; `live` is how many there are.
        sums: The counters of all workers, those that are gone included. They never fall within an epoch.
    """

    workers: tuple[WorkerView, ...]
    live: int
    sums: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Missed:
    """Changes may not have arrived: the pushes were interrupted, and go on now. Look."""
