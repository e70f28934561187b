"""What the workers spent of the limit that they have together, from their logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleet_faults.convergence import Span
from fleet_faults.worker_log import Entry
from fleet_faults.working import TOKENS
from ranvier.fleet.spending.spend_link import SLICES


def spent(entries: Iterable[Entry]) -> dict[int, int]:
    """What each worker has spent, by its last word of that."""
    return {entry.worker: round(entry.facts["tokens"]) for entry in entries if entry.what == "spent"}


def was_limited(entries: Iterable[Entry]) -> bool:
    """Whether the limit was ever used up."""
    return any(entry.facts["rejected"] for entry in entries if entry.what == "spent")


def allowed(of_the_gone: int, workers: int, losses: Sequence[Span]) -> int:
    """What all may spend at most: the limit, and what a store that lost its data cannot know.

    Then each worker may use up the slice that it held, and nobody knows what those that are gone had spent.
    """
    return TOKENS + len(losses) * workers * TOKENS // SLICES + (of_the_gone if losses else 0)
