"""Leases of probes that were valid at the same time, and probes that began too early."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fleet_faults.convergence import Span
from fleet_faults.exchanges import Circuit, Exchange, of_circuits

AFTER_BEAT = 3.0
"""Seconds after its holder's last sign of life until a lease ends."""

ENDINGS = ("Release", "Prove")


@dataclass(slots=True)
class Lease:
    """One granted probe, for the time in which it was valid beyond doubt.

    Attributes:
        began: When the grant arrived.
        ends: Before the store could end it.
    """

    circuit: Circuit
    holder: tuple[str, int]
    generation: int
    asked: float
    began: float
    ends: float


def leases(said: Sequence[Exchange], losses: Iterable[Span] = ()) -> list[Lease]:
    """All that were granted. In `losses` the store lost data, leases among them."""
    lost_at = [start for start, _ in losses]
    return [
        lease
        for circuit, about in of_circuits(said).items()
        for lease in _of_circuit(circuit, about, lost_at)
    ]


def _of_circuit(circuit: Circuit, said: Sequence[Exchange], losses: Sequence[float]) -> Iterator[Lease]:
    granted: dict[tuple[str, int, int], Lease] = {}
    for each in said:
        command, view = each.command, each.view
        assert view is not None
        holder = (command.get("worker", ""), command.get("number", 0))
        if command["is"] == "Probe" and each.accepted:
            key = (*holder, view["generation"])
            until = each.sent + min(command["lease"] / 1000, AFTER_BEAT)
            granted.setdefault(
                key, Lease(circuit, holder, view["generation"], each.sent, each.replied, until)
            )
    for lease in granted.values():
        _end(lease, said, losses)
        yield lease


def _end(lease: Lease, said: Sequence[Exchange], losses: Sequence[float]) -> None:
    """Find out until when it was valid for certain."""
    own = [each for each in said if _is_about(each, lease)]
    longest = next(each.sent + each.command["lease"] / 1000 for each in own if each.command["is"] == "Probe")
    beats = [each.sent for each in own if each.command["is"] == "Beat" and each.accepted]
    lease.ends = min(longest, max([lease.ends, *(beat + AFTER_BEAT for beat in beats)]))
    overs = [each.sent for each in own if each.command["is"] in ENDINGS]
    overs += [each.sent for each in said if each.view and each.view["generation"] > lease.generation]
    overs += [moment for moment in losses if moment > lease.asked]
    lease.ends = min([lease.ends, *overs])


def _is_about(each: Exchange, lease: Lease) -> bool:
    command = each.command
    return (command.get("worker"), command.get("number")) == lease.holder and command.get(
        "generation", lease.generation
    ) == lease.generation


def most_at_once(found: Iterable[Lease]) -> int:
    """How many of one circuit were valid at the same time, at most."""
    most = 0
    by_circuit: dict[Circuit, list[tuple[float, int]]] = {}
    for lease in found:
        if lease.ends > lease.began:
            by_circuit.setdefault(lease.circuit, []).extend([(lease.began, 1), (lease.ends, -1)])
    for moments in by_circuit.values():
        valid = 0
        for _, change in sorted(moments):
            valid += change
            most = max(most, valid)
    return most


def too_early(found: Iterable[Lease], said: Sequence[Exchange], cooldown: float) -> list[str]:
    """Probes of one generation that began within one cooldown, though the one before had been sent."""
    unsent = {
        (each.command["worker"], each.command["number"])
        for each in said
        if each.command["is"] == "Release" and not each.command["sent"]
    }
    told, last = [], dict[tuple[Circuit, int], Lease]()
    for lease in sorted(found, key=lambda each: each.began):
        before = last.get((lease.circuit, lease.generation))
        last[lease.circuit, lease.generation] = lease
        if before and before.holder not in unsent and lease.began - before.asked < cooldown:
            told.append(
                f"probe {lease.holder} began {lease.began - before.asked:.3f} s after {before.holder}"
            )
    return told
