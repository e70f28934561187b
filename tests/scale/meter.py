"""Counts what goes to a store and comes from it, and asks a server what that costs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Meter:
    """What all workers have said and heard so far.

    Attributes:
        batches: Round trips that were answered.
        commands: How many of each kind.
        pushes: Changes that arrived, at all workers together.
        failed: Round trips and connections that failed.
    """

    batches: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    pushes: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Reading:
    """The meter, the server and the time at one moment."""

    at: float
    batches: int
    commands: Counter[str]
    pushes: int
    processor: float
    memory: int
    bytes: int


@dataclass(frozen=True)
class Phase:
    """What happened between two readings.

    Attributes:
        name: Of the phase.
        batches, commands, pushes: A second.
        kinds: Commands a second of each kind, the most frequent first.
        processor: The share of one processor that the server used.
        memory: What the server used at the end, in bytes.
        network: Bytes a second, in and out.
    """

    name: str
    batches: float
    commands: float
    pushes: float
    kinds: dict[str, float]
    processor: float
    memory: int
    network: float


def read(meter: Meter, now: float, info: Mapping[str, Any]) -> Reading:
    """A reading, given what INFO says; without a server its figures are 0."""
    return Reading(
        at=now,
        batches=meter.batches,
        commands=Counter(meter.commands),
        pushes=meter.pushes,
        processor=float(info.get("used_cpu_user", 0)) + float(info.get("used_cpu_sys", 0)),
        memory=int(info.get("used_memory", 0)),
        bytes=int(info.get("total_net_input_bytes", 0)) + int(info.get("total_net_output_bytes", 0)),
    )


def between(name: str, first: Reading, last: Reading) -> Phase:
    """What happened from one reading to the other."""
    seconds = max(last.at - first.at, 1e-9)
    said = last.commands - first.commands
    return Phase(
        name=name,
        batches=(last.batches - first.batches) / seconds,
        commands=said.total() / seconds,
        pushes=(last.pushes - first.pushes) / seconds,
        kinds={kind: times / seconds for kind, times in said.most_common()},
        processor=(last.processor - first.processor) / seconds,
        memory=last.memory,
        network=(last.bytes - first.bytes) / seconds,
    )
