"""Transitions that the store acknowledged and that were lost, and evidence that moved another generation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleet_faults.convergence import Span
from fleet_faults.exchanges import Exchange, View, of_circuits, place


def lost(said: Sequence[Exchange], losses: Sequence[Span] = ()) -> tuple[list[str], list[str]]:
    """Acknowledged transitions that a later reply did not know: without a reason, and for one of `losses`.

    A reply shows at least what any reply showed that had arrived before its command was sent.
    """
    without: list[str] = []
    with_reason: list[str] = []
    for about in of_circuits(said).values():
        newest: Exchange | None = None
        known: dict[int, Exchange | None] = {}
        moments = [(each.replied, 0, number) for number, each in enumerate(about)]
        moments += [(each.sent, 1, number) for number, each in enumerate(about)]
        for _, is_sent, number in sorted(moments):
            each = about[number]
            if is_sent:
                known[number] = newest
                continue
            before = known.pop(number, None)
            if before and _is_forgotten(before, each):
                excused = any(before.replied <= end and start <= each.replied for start, end in losses)
                (with_reason if excused else without).append(_told(before, each))
                newest = each
            elif newest is None or place(_view(each)) >= place(_view(newest)):
                newest = each
    return without, with_reason


def _view(each: Exchange) -> View:
    assert each.view is not None
    return each.view


def _told(before: Exchange, after: Exchange) -> str:
    seen, then = _view(before), _view(after)
    return f"{seen['circuit']}: {seen['state']} {place(seen)} was followed by {then['state']} {place(then)}"


def _is_forgotten(before: Exchange, after: Exchange) -> bool:
    """A closed circuit may be forgotten; any other is known as it was, or later."""
    seen, then = _view(before), _view(after)
    if then["generation"] == 0 and seen["state"] == "closed":
        return False
    return place(then) < place(seen)


def astray(said: Sequence[Exchange]) -> list[str]:
    """Evidence that was accepted though the circuit it moved was not in the generation it named."""
    told = []
    for about in of_circuits(said).values():
        generations = sorted({each.view["generation"] for each in about if each.view})
        for each in about:
            told += _astray(each, generations)
    return told


def _astray(each: Exchange, generations: Iterable[int]) -> list[str]:
    named = each.command.get("generation", 0)
    assert each.view is not None
    shown = each.view["generation"]
    if not each.accepted or not named or shown == named:
        return []
    between = [one for one in generations if named < one < shown]
    if shown < named or between:
        return [f"{each.command['is']} of generation {named} was accepted in {shown}, after {between}"]
    return []
