"""Leases slices of a spend limit from the store; a worker spends only what is leased to it.

A command carries the worker's total spending in the current window and the amount it wants, so that a lost
command needs no repair: the next one carries everything. At most one request per tenant is in flight, and is
shared by all calls that wait.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from ranvier.fleet.outbox import OnReply
from ranvier.fleet.patience import Patience
from ranvier.fleet.port import MemberPort
from ranvier.fleet.spending.leased import Leased, Slices
from ranvier.fleet.validation import check_change
from ranvier.pipeline.sharing.fleet import SpendLink
from ranvier.store.commands.spending import TakeSlice
from ranvier.store.engine.limits import MAX_NUMBER

SLICES = 20
"""A limit is leased in slices of one part in `SLICES`; a call that needs more gets more."""

IDLE_SECONDS = 10.0
"""Seconds without use after which a slice is given back."""

FRESH_SECONDS = 1.0
"""Seconds for which "used up" is believed; after that, a call asks again."""

ROUND_TRIPS = 3
"""Maximum number of round trips a call waits for: one already in flight, its own, and one more."""

AT_ONCE = 1000
"""Maximum number of slices given back or reported with one heartbeat."""


class StoreSpendLink(SpendLink):
    """The link of one limit.

    Args:
        name: The name of the limit, the same in all workers.
        length: The length of a window, in milliseconds.
        unit: Amounts are sent in multiples of it.
        window: The number of the current window by the local time of day, and the time of its end.
    """

    def __init__(
        self, member: MemberPort, name: str, length: int, unit: int, window: tuple[int, float]
    ) -> None:
        self._member, self._name, self._length, self._unit = member, name, length, unit
        self._window, self._ends = window[0], member.clock() + window[1]
        self._slices = Slices()
        self._needs: Counter[str] = Counter()  # the amount that waiting calls need, by tenant

    # --- reading ---------------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """True if there may be other workers."""
        return self._member.live

    @property
    def governs(self) -> bool:
        """True while the store answers without delay."""
        return self._member.governs and self._member.contact.prompt

    @property
    def workers(self) -> int:
        """The number of live workers, as far as known."""
        return self._member.workers

    def left(self, tenant: str) -> int:
        """The amount that `tenant` may spend at this worker now."""
        self._turn()
        leased = self._slices.get(tenant)
        return 0 if leased is None else leased.left

    def expected(self, tenant: str, limit: int) -> int:
        """The amount of `limit` that `tenant` may still spend, including what the store might grant."""
        self._turn()
        leased = self._slices.get(tenant)
        if leased is None or self._member.clock() - leased.answered_at >= FRESH_SECONDS:
            return limit
        return leased.left + leased.rest

    def ends_in(self) -> float:
        """Seconds until the window ends, by the clock of the store."""
        self._turn()
        return self._ends - self._member.clock()

    # --- spending --------------------------------------------------------------------------------

    def take(self, tenant: str, amount: int, limit: int) -> Leased:
        """Spend `amount`, and ask for the next slice before it is needed."""
        leased = self._of(tenant)
        leased.spent += amount
        leased.limit = limit
        leased.use(self._member.clock())
        usual = max(limit // SLICES, amount)
        if leased.spent > leased.held:
            self._slices.unreported[tenant] = leased
        elif leased.left < max(usual // 2, amount) and self._may_ask(leased):
            self._ask(leased, usual)
        return leased

    def _may_ask(self, leased: Leased) -> bool:
        """True if asking for the next slice in advance is useful."""
        return leased.asking is None and leased.tenant not in self._slices.scarce and self.governs

    async def ask(self, tenant: str, amount: int, limit: int, seconds: float) -> bool:
        """Ask the store for `amount`; false if it has not answered in `seconds`."""
        self._needs[tenant] += amount
        try:
            return await self._ask_again(tenant, amount, limit, Patience(seconds))
        finally:  # also if the caller is cancelled
            self._needs[tenant] -= amount
            if not self._needs[tenant]:
                del self._needs[tenant]

    async def _ask_again(self, tenant: str, amount: int, limit: int, patience: Patience) -> bool:
        joined = self._member.next_number()  # requests with a higher number include this call's need
        for _ in range(ROUND_TRIPS):
            if not self.governs:
                return False
            leased = self._of(tenant)
            leased.limit = limit
            task = leased.asking or self._ask(leased, limit // SLICES)
            if not await patience.wait(task):
                return False
            answered = self._of(tenant).answered > joined
            if self.left(tenant) >= amount or (answered and self.expected(tenant, limit) < amount):
                return True
        return answered

    def _ask(self, leased: Leased, usual: int) -> asyncio.Task[None]:
        least = self._needs[leased.tenant]
        command = self._command(leased, least, max(usual, least))
        task = leased.asking = self._member.background(self._asked(leased, command))
        leased.unsure = True
        leased.use(self._member.clock())
        return task

    async def _asked(self, leased: Leased, command: TakeSlice) -> None:
        try:
            replies = await self._member.contact.execute([command])
            if replies:
                self._apply_reply(leased.tenant, command, replies[0])
        except Exception as error:  # a reply that is not valid
            self._member.contact.lose(error)
        finally:
            leased.asking = None

    def _command(self, leased: Leased, least: int, wanted: int) -> TakeSlice:
        return TakeSlice(
            self._name,
            self._member.digest(leased.tenant),
            self._length,
            self._window,
            self._member.worker.id,
            self._member.next_number(),
            spent=self._whole(leased.spent),
            least=self._whole(least),
            wanted=self._whole(wanted),
            cap=min(leased.limit // self._unit, MAX_NUMBER),
            anew=not leased.answered,
        )

    def _whole(self, amount: int) -> int:
        """`amount` in units of the store, rounded up."""
        return min(-(-amount // self._unit), MAX_NUMBER)

    # --- replies ---------------------------------------------------------------------------------

    def _apply_reply(self, tenant: str, command: TakeSlice, view: Any) -> None:
        """Apply the reply to a command.

        Raises:
            StoreError: the reply is not valid.
        """
        check_change(view)
        self._turn()
        if view.window == command.window != self._window:
            return  # late: that window has ended here
        if view.window != self._window:
            self._begin(view.window)
        now = self._member.clock()
        self._ends = now + min(view.ends_in, self._length) / 1000
        leased = self._of(tenant)
        forgotten = view.window == command.window and not command.anew and not leased.answered
        if forgotten or command.number <= leased.answered:
            return
        leased.unsure = False
        leased.answered, leased.answered_at, leased.limit = command.number, now, command.cap * self._unit
        leased.held, leased.rest = view.held * self._unit, view.left * self._unit
        if leased.left:
            leased.use(now)
        if leased.spent <= leased.held:
            self._slices.unreported.pop(tenant, None)
        if view.left < 2 * command.wanted:  # another request of this size would not be granted in full
            self._slices.scarce[tenant] = leased
        elif command.wanted:
            self._slices.scarce.pop(tenant, None)

    def _of(self, tenant: str) -> Leased:
        self._turn()
        return self._slices.of(tenant)

    def _turn(self) -> None:
        """Begin a new window if it is time."""
        late = self._member.clock() - self._ends
        if late >= 0:
            turns = int(late * 1000 // self._length) + 1
            self._ends += turns * self._length / 1000
            self._begin(self._window + turns)

    def _begin(self, window: int) -> None:
        """Start `window` with no slices held."""
        self._window, self._slices = window, Slices()

    # --- with each heartbeat ---------------------------------------------------------------------

    def beats(self) -> Iterator[tuple[TakeSlice, OnReply]]:
        """The commands that report unreported spending, and give unused slices back."""
        self._turn()
        unreported = islice(self._slices.unreported.values(), AT_ONCE)
        for leased in [each for each in unreported if each.asking is None]:
            yield self._report(leased, leased.left)  # the store may have lost the unspent part, too
        idle = self._member.clock() - IDLE_SECONDS
        for leased in list(islice(self._slices.active.values(), AT_ONCE)):
            if leased.used_at > idle:
                break
            del self._slices.active[leased.tenant]
            yield from self._returned(leased)
        scarce = islice(self._slices.scarce.values(), AT_ONCE)
        for leased in [each for each in scarce if each.asking is None and each.tenant not in self._needs]:
            yield from self._returned(leased)

    def give_back(self) -> Iterator[tuple[TakeSlice, OnReply]]:
        """The commands for closing: give back or report slices, the most recently used first."""
        for leased in list(islice(reversed(self._slices.active.values()), AT_ONCE)):
            if leased.unsure or leased.spent != leased.held:
                yield self._report(leased, 0)

    def _returned(self, leased: Leased) -> Iterator[tuple[TakeSlice, OnReply]]:
        if leased.left >= self._unit or leased.unsure:
            leased.held = leased.spent  # nothing more may be spent from it
            yield self._report(leased, 0)

    def _report(self, leased: Leased, more: int) -> tuple[TakeSlice, OnReply]:
        command = self._command(leased, more, more)
        return command, partial(self._apply_reply, leased.tenant, command)

    def forget(self) -> None:
        """Report everything again, because the store may have lost its data."""
        self._slices.report_all()
