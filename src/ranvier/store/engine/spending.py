"""Executes the commands about spend limits of tenants."""

from __future__ import annotations

from typing import NamedTuple

from ranvier.store.commands.spending import SliceView, TakeSlice
from ranvier.store.engine.limits import KEEP_SPENT, MAX_NUMBER, MAX_SPENDERS
from ranvier.store.engine.moment import Moment
from ranvier.store.engine.records import Records


class Holding(NamedTuple):
    """The amounts of one worker; `granted` excludes what it has forgotten. `number` is its last command's."""

    number: int
    held: int
    granted: int


NOTHING = Holding(0, 0, 0)

Which = tuple[str, str, int]
"""A limit, a tenant, and the number of a window."""


class Spending:
    """The slices that workers hold of tenants' limits, in windows that have not ended."""

    def __init__(self) -> None:
        self.records: Records[Which, dict[str, Holding]] = Records(MAX_SPENDERS)

    def take(self, command: TakeSlice, now: Moment) -> SliceView:
        """Execute one command."""
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
    """The worker's new holding; `same` is true if the command is about the store's current window."""
    forgotten = before.held if command.anew or not same else before.held - before.granted
    spent = min(forgotten + (command.spent if same else 0), MAX_NUMBER)
    room = max(command.cap - others - spent, 0)
    granted = command.wanted if room >= 2 * command.wanted else min(command.least, room)
    held = spent + granted
    if command.wanted:  # until the reply arrives, the worker may spend what it already holds
        held = max(held, before.held)
    return Holding(command.number, held, held - forgotten)
