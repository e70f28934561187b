"""Draws sequences of what workers say to a store, with time passing between, and keys getting lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from ranvier.store.commands import Command, circuits, gates, spending, tenants, workers

CIRCUITS = (circuits.CircuitKey("openai", "gpt/5", False), circuits.CircuitKey("a{}b", None, True))
WORKERS = ("1f", "22")
DIGESTS = tuple(f"{number:032x}" for number in range(8))
TENANTS = (tenants.TenantKey(DIGESTS[1], "openai"), tenants.TenantKey(DIGESTS[2], "custom:key"))
RULES = (
    circuits.Rules(votes=2),
    circuits.Rules(votes=3, share=0.75, cooldown=3_000, max_cooldown=1_000, max_probes=1),
    circuits.Rules(votes=2, share=1 / 3, cooldown=700, max_cooldown=9_999, max_probes=2, observed=True),
)
PAUSES = (0, 0, 0, 1, 250, 1_500, 3_000, 5_000, 11_000, 24_000, 150_000, 300_000, -4_000)


class Move(NamedTuple):
    """What happens next. `old` picks how old the view is that the worker acts on."""

    what: str
    pause: int
    worker: str
    circuit: circuits.CircuitKey
    old: int
    number: int
    truth: bool
    tenant: tenants.TenantKey
    rules: circuits.Rules
    counts: tuple[circuits.TenantCount, ...]


class Seen(NamedTuple):
    """What a worker knows when it acts."""

    circuit: circuits.CircuitView
    tenant: int
    gate: int
    version: int
    number: int = 0
    window: int = 0
    held: int = 0


def _count(move: Move, seen: Seen) -> Command:
    view = seen.circuit
    half = view.half - move.number
    return circuits.Count(
        move.circuit, move.worker, view.generation, half, move.counts, move.rules, move.number * 77
    )


def _heartbeat(move: Move, seen: Seen) -> Command:
    sums = {each.tenant[-2:]: each.contents for each in move.counts}
    return workers.Heartbeat(move.worker, {"host": "ü"}, sums, {"open": move.number})


def _take_slice(move: Move, seen: Seen) -> Command:
    spent = (seen.held if move.truth else 17) * move.number // 2
    asked = move.old * 9, move.old * 9 + move.number * 10
    number, cap = max(seen.number + 1 - move.old, 1), 100 - move.old * 20
    return spending.TakeSlice(
        "tokens", DIGESTS[1], 20_000, seen.window, move.worker, number, spent, *asked, cap, not move.truth
    )


Making = Callable[[Move, Seen], Command]

MAKES: dict[str, Making] = {
    "alarm": lambda m, s: circuits.Alarm(m.circuit, m.worker, s.circuit.generation * m.truth, m.number * 5),
    "count": _count,
    "probe": lambda m, s: circuits.Probe(m.circuit, m.worker, m.number, 2_500 << m.old, m.rules, m.old * 70),
    "beat": lambda m, s: circuits.Beat(m.circuit, m.worker, m.number, s.circuit.generation),
    "release": lambda m, s: circuits.Release(m.circuit, m.worker, m.number, s.circuit.generation, m.truth),
    "prove": lambda m, s: circuits.Prove(m.circuit, m.worker, s.circuit.generation, m.number, m.truth),
    "disprove": lambda m, s: circuits.Disprove(m.circuit, m.worker, s.circuit.generation, m.rules, 200),
    "isolate": lambda m, s: circuits.Isolate(m.circuit, m.worker),
    "reset": lambda m, s: circuits.Reset(m.circuit, m.worker),
    "tenant failed": lambda m, s: tenants.TenantFailed(m.tenant, m.worker),
    "tenant opened": lambda m, s: tenants.TenantOpened(m.tenant, m.worker, m.number * 4_000),
    "tenant closed": lambda m, s: tenants.TenantClosed(m.tenant, m.worker, s.tenant * m.truth),
    "isolate tenant": lambda m, s: tenants.IsolateTenant(m.tenant, m.worker),
    "reset tenant": lambda m, s: tenants.ResetTenant(m.tenant, m.worker),
    "close gate": lambda m, s: gates.CloseGate("key", m.worker, m.number * 4_100, f"why {m.old}", m.truth),
    "open gate": lambda m, s: gates.OpenGate("key", m.worker, s.gate - m.old),
    "take slice": _take_slice,
    "heartbeat": _heartbeat,
    "leave": lambda m, s: workers.Leave(m.worker),
    "look": lambda m, s: workers.Look(max(s.version - m.number, 0), (*CIRCUITS[m.truth :], m.tenant, "key")),
    "fleet": lambda m, s: workers.ReadFleet(),
}

LOSSES = ("lose circuit", "lose counts")

OFTEN = (
    "count",
    "alarm",
    "probe",
    "probe",
    "release",
    "prove",
    "beat",
    "outage",
    "outage",
    "failures",
    "reset",
)
"""`failures` are fresh counts after an alarm; an `outage` is those of many tenants."""

BAD = tuple(circuits.TenantCount(digest, 0, 2) for digest in DIGESTS)


def moves(*losses: str, often: tuple[str, ...] = OFTEN) -> st.SearchStrategy[list[Move]]:
    """Sequences of moves, and of keys that get lost."""
    small = st.integers(0, 3)
    counts = st.builds(circuits.TenantCount, st.sampled_from(DIGESTS), small, small)
    kinds = st.sampled_from((*often, *often, *often, *MAKES, *losses))
    move: st.SearchStrategy[Any] = st.builds(
        Move,
        what=kinds,
        pause=st.sampled_from(PAUSES),
        worker=st.sampled_from(WORKERS),
        circuit=st.sampled_from((CIRCUITS[0], CIRCUITS[0], CIRCUITS[0], *CIRCUITS)),
        old=st.sampled_from((0, 0, 0, 0, 0, 0, 1, 2)),
        number=st.sampled_from((0, 0, 1, 1, 2)),
        truth=st.booleans(),
        tenant=st.sampled_from(TENANTS),
        rules=st.sampled_from((RULES[0], *RULES)),
        counts=st.lists(counts, max_size=5).map(tuple),
    )
    return st.lists(move, min_size=25, max_size=60)


_VOTES = (*BAD[:2], circuits.TenantCount(DIGESTS[2], 2, 0))
_COUNT = Move("count", 0, WORKERS[0], CIRCUITS[0], 0, 0, True, TENANTS[0], RULES[1], _VOTES)
VOTES_IN_BOTH_HALVES = [
    _COUNT._replace(what="alarm", truth=False),
    _COUNT,
    _COUNT._replace(pause=11_000),  # the first half ends
    _COUNT,
]
"""Of the same tenants, which vote once."""
