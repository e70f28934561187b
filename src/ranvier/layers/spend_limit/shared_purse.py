"""The spending of one call within a limit that workers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.layers.spend_limit.purse import Purse
from ranvier.pipeline.sharing.updates import PATIENCE

if TYPE_CHECKING:
    from ranvier.layers.spend_limit.fund import LeasedReservation
    from ranvier.layers.spend_limit.layer import SpendLimit
    from ranvier.pipeline.call import Call


class SharedPurse(Purse):
    """A purse that asks the store before an attempt for which its worker holds too little."""

    __slots__ = ("_alone",)

    def __init__(self, layer: SpendLimit, limit: int) -> None:
        super().__init__(layer, limit)
        self._alone: Call | None = None  # the call for which the store has not answered in time

    def lacks(self, call: Call) -> bool:
        """True if the store has to be asked before an attempt of `call` can be sent."""
        link, amount = self.layer.fund.link, self._bound(call.request, call.deployment)
        if isinstance(amount, str) or max(amount, 1) <= link.left(call.tenant) or not link.governs:
            return False
        return self._obstacle(call, call.deployment) is None

    async def ask(self, call: Call) -> None:
        """Ask the store for the most that an attempt of `call` can cost."""
        amount, now = self._bound(call.request, call.deployment), call.pipeline.clock()
        assert isinstance(amount, int)
        seconds = PATIENCE if call.deadline is None else min(PATIENCE, call.deadline - now)
        answered = await self.layer.fund.link.ask(call.tenant, max(amount, 1), self.limit, seconds)
        self._alone = None if answered else call

    def _left(self, call: Call, amount: int, now: float) -> int:
        return self.layer.fund.expected(call.tenant, amount, self.limit, now)

    def _take(self, call: Call, amount: int, now: float) -> LeasedReservation | int:
        alone, self._alone = self._alone is call, None
        return self.layer.fund.reserve(call.tenant, amount, self.limit, now, alone=alone)

    def _ends_in(self, now: float) -> float:
        return self.layer.fund.ends_in(now)
