"""The spending of one call: checked before every attempt, and settled with its cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.spend_limit import SpendLimitExceededError
from ranvier.events import CallRejected
from ranvier.layers.spend_limit.bounds import Size, input_bound, output_bound, size_of
from ranvier.layers.spend_limit.rates import FREE, Rates, real_cost

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.layers.spend_limit.fund import LeasedReservation
    from ranvier.layers.spend_limit.layer import SpendLimit
    from ranvier.layers.spend_limit.ledger import Reserved
    from ranvier.messages.request import Request
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment


class Purse:
    """The share of one call in a spend limit of this process.

    Attributes:
        layer: The limit's layer.
        limit: The amount that the tenant may spend in a window.
    """

    __slots__ = ("_amount", "_request", "_size", "_target", "layer", "limit")

    def __init__(self, layer: SpendLimit, limit: int) -> None:
        self.layer = layer
        self.limit = limit
        self._request: Request | None = None
        self._size = Size(None)
        self._target: Deployment | None = None  # the target of the cached bound
        self._amount: int | str = 0

    def look(self, call: Call) -> SpendLimitExceededError | None:
        """The error for `call`, which has no target yet, if it fits at none of its targets."""
        errors = []
        for target in self.layer.targets_of(call.pipeline):
            error = self._obstacle(call, target)
            if error is None:
                return None
            errors.append(error)
        return min(errors, key=lambda error: math.inf if error.needed is None else error.needed, default=None)

    def fits(self, call: Call) -> bool:
        """True if an attempt of `call` at its target could be sent now."""
        return self._obstacle(call, call.deployment) is None

    def check(self, call: Call) -> None:
        """Raise an error if an attempt of `call` does not fit now.

        Raises:
            SpendLimitExceededError: it does not.
        """
        error = self._obstacle(call, call.deployment)
        if error is not None:
            try:
                raise self.refused(call, error)
            finally:
                del error  # it refers to this frame: a local would complete a reference cycle

    def reserve(self, call: Call) -> Reservation:
        """Reserve the most that an attempt of `call` can cost.

        Raises:
            SpendLimitExceededError: it does not fit.
        """
        layer, target = self.layer, call.deployment
        amount, left = self._bound(call.request, target), 0
        if isinstance(amount, int):
            taken = self._take(call, amount, layer.now(call.pipeline))
            if not isinstance(taken, int):
                return Reservation(taken, layer.rates_of(target) or FREE)
            left = taken
        raise self.refused(call, self._error(call, amount, left))

    def lacks(self, call: Call) -> bool:
        """True if `ask` may get more for an attempt of `call`; always false without a store."""
        return False

    async def ask(self, call: Call) -> None:
        """Ask for more; does nothing without a store."""

    # --- what is left ----------------------------------------------------------------------------

    def _left(self, call: Call, amount: int, now: float) -> int:
        """The amount that may be reserved; if that is less than `amount`, the amount that might be."""
        return self.layer.ledger.left(call.tenant, self.limit, now)

    def _take(self, call: Call, amount: int, now: float) -> Reserved | LeasedReservation | int:
        """Reserve `amount`; if too little is left, return the amount left instead."""
        ledger = self.layer.ledger
        reserved = ledger.reserve(call.tenant, amount, self.limit, now)
        return ledger.left(call.tenant, self.limit, now) if reserved is None else reserved

    def _ends_in(self, now: float) -> float:
        return self.layer.ledger.ends_in(now)

    # --- refusing --------------------------------------------------------------------------------

    def refused(self, call: Call, error: SpendLimitExceededError) -> SpendLimitExceededError:
        """Emit that `call` is rejected; returns `error`."""
        if call.pipeline.events.hears(CallRejected):
            target: Deployment | None = call.deployment
            event = CallRejected(
                tenant=call.tenant,
                provider="" if target is None else target.provider.name,
                model=None if target is None else target.model,
                metadata=call.record.metadata,
                kind=error.kind,
                retry_after=error.retry_after,
            )
            call.pipeline.events.emit(event, call.record)
        return error

    def _obstacle(self, call: Call, target: Deployment) -> SpendLimitExceededError | None:
        """The error if an attempt of `call` at `target` does not fit now, as far as known."""
        amount, left = self._bound(call.request, target), 0
        if isinstance(amount, int):
            left = self._left(call, amount, self.layer.now(call.pipeline))
            if amount <= left and left > 0:
                return None
        return self._error(call, amount, left)

    def _error(self, call: Call, amount: int | str, left: int) -> SpendLimitExceededError:
        layer, limit = self.layer, self.layer.shown(self.limit)
        if isinstance(amount, str):
            return SpendLimitExceededError(tenant=call.tenant, unknown=amount, limit=limit)
        may_fit = amount <= self.limit and self.limit > 0
        return SpendLimitExceededError(
            tenant=call.tenant,
            needed=layer.shown(amount),
            left=layer.shown(left),
            limit=limit,
            retry_after=self._ends_in(layer.now(call.pipeline)) if may_fit else None,
        )

    def _bound(self, request: Request, target: Deployment) -> int | str:
        """The most that an attempt at `target` can cost; or a text that says why it is not known."""
        if self._request is not request:
            self._request, self._size, self._target = request, size_of(request), None
        if self._target is not target:
            self._target, self._amount = target, self._measure(request, target)
        return self._amount

    def _measure(self, request: Request, target: Deployment) -> int | str:
        layer, rates = self.layer, self.layer.rates_of(target)
        entering = input_bound(self._size, target, layer.image_tokens)
        leaving = output_bound(request, target)
        if layer.in_money and not layer.allows_unknown:
            if rates is None:
                return f"no price of {target} is given"
            if leaving is None:
                return "the request has no max_tokens"
        if entering is None and not layer.allows_unknown:
            return self._size.reason or f"the options of {target} let the provider add to the request"
        return (rates or FREE).most(entering or 0, leaving or 0)


class Reservation:
    """The reservation of one attempt, which is settled with its real cost."""

    __slots__ = ("_rates", "_reserved")

    def __init__(self, reserved: Reserved | LeasedReservation, rates: Rates) -> None:
        self._reserved = reserved
        self._rates = rates

    def settle(self, attempt: Attempt | None) -> None:
        """`attempt` has ended; `None` if it was not sent."""
        self._reserved.settle(self._cost(attempt))

    def _cost(self, attempt: Attempt | None) -> int:
        if attempt is None:
            return 0
        try:
            cost = real_cost(attempt.usage, self._rates)
        except PLAIN_FAILURES:  # the usage comes from a custom provider
            cost = None
        if cost is not None:
            return cost
        return self._reserved.amount if attempt.billable else 0
