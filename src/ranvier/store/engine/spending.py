"""Carries out the commands about limits on what tenants spend."""

from __future__ import annotations

from typing import NamedTuple

from ranvier.store.commands.spending import SliceView, TakeSlice
from ranvier.store.engine.limits import KEEP_SPENT, MAX_NUMBER, MAX_SPENDERS
from ranvier.store.engine.moment import Moment
from ranvier.store.engine.records import Records


class Holding(NamedTuple):
    """What one worker holds; `granted` is without what it has forgotten. `number`: of its last command."""

    number: int
    held: int
    granted: int


NOTHING = Holding(0, 0, 0)

Which = tuple[str, str, int]
"""A limit, a tenant, and the number of a window."""


class Spending:
    """What workers hold of the limits of tenants, in windows that have not ended."""

    def __init__(self) -> None:
        self.records: Records[Which, dict[str, Holding]] = Records(MAX_SPENDERS)

    def take(self, command: TakeSlice, now: Moment) -> SliceView:
        """Carry out a command."""
        window, passed = divmod(now.ms, command.length)
        which = command.limit, command.tenant, window
        holdings = self.records.get(which, now.ms) or {}
        mine = holdings.get(command.worker, NOTHING)
        others = sum(each.held for each in holdings.values()) - mine.held
        ends_in = command.length - passed
        if command.number > mine.number:
            mine = _hold(command, mine, others, same=window == command.window)
            holdings[command.worker] = mine
            self.records.put(which, holdings, now.ms, ends_in + KEEP_SPENT)
        return SliceView(window, ends_in, mine.granted, max(command.cap - others - mine.held, 0))


def _hold(command: TakeSlice, before: Holding, others: int, *, same: bool) -> Holding:
    """What the worker holds from now on; `same`: it speaks of the window that the store is in."""
    forgotten = before.held if command.anew or not same else before.held - before.granted
    spent = min(forgotten + (command.spent if same else 0), MAX_NUMBER)
    room = max(command.cap - others - spent, 0)
    granted = command.wanted if room >= 2 * command.wanted else min(command.least, room)
    held = spent + granted
    if command.wanted:  # it may spend meanwhile what it holds already
        held = max(held, before.held)
    return Holding(command.number, held, held - forgotten)
