"""What one call may spend: it is asked before every attempt, and told what each has cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.spend_limit import SpendLimitExceededError
from ranvier.events import CallRejected
from ranvier.layers.spend_limit.bounds import Size, input_bound, output_bound, size_of

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.facts.price import Price
    from ranvier.layers.spend_limit.layer import SpendLimit
    from ranvier.layers.spend_limit.ledger import Reserved
    from ranvier.messages.request import Request
    from ranvier.messages.usage import Usage
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment

UNIT = 10**12
"""Parts of one unit of money that are counted: a token's price is a whole number of them."""


class Purse:
    """The share of one call in a spend limit.

    Attributes:
        layer: The limit's layer.
        limit: What the tenant may spend in a window.
    """

    __slots__ = ("_request", "_size", "layer", "limit")

    def __init__(self, layer: SpendLimit, limit: int) -> None:
        self.layer = layer
        self.limit = limit
        self._request: Request | None = None
        self._size = Size(None)

    def look(self, call: Call) -> SpendLimitExceededError | None:
        """The error for `call`, which has no target yet, if it fits at none of its targets."""
        errors = []
        for target in self.layer.targets_of(call.pipeline):
            quote = self._quote(call, target)
            if isinstance(quote, int):
                return None
            errors.append(quote)
        return min(errors, key=lambda error: math.inf if error.needed is None else error.needed, default=None)

    def fits(self, call: Call) -> bool:
        """True if an attempt of `call` at its target could be sent now."""
        return isinstance(self._quote(call, call.deployment), int)

    def check(self, call: Call) -> int:
        """The most that an attempt of `call` can cost.

        Raises:
            SpendLimitExceededError: it does not fit.
        """
        quote = self._quote(call, call.deployment)
        if isinstance(quote, int):
            return quote
        self.refused(call, quote)
        try:
            raise quote
        finally:
            del quote  # it refers to this frame: a local would complete a reference cycle

    def reserve(self, call: Call) -> Paid:
        """Reserve the most that an attempt of `call` can cost.

        Raises:
            SpendLimitExceededError: it does not fit.
        """
        layer, amount = self.layer, self.check(call)
        reserved = layer.ledger.reserve(call.tenant, amount, self.limit, layer.now(call.pipeline))
        assert reserved is not None  # because nothing has happened since the quote
        return Paid(reserved, layer, layer.price_of(call.deployment))

    def refused(self, call: Call, error: SpendLimitExceededError) -> None:
        """Emit that `call` is rejected."""
        if call.pipeline.events.hears(CallRejected):
            target: Deployment | None = call.deployment
            event = CallRejected(
                tenant=call.tenant,
                provider="" if target is None else target.provider.name,
                model=None if target is None else target.model,
                kind=error.kind,
                retry_after=error.retry_after,
            )
            call.pipeline.events.emit(event, call.record)

    def _quote(self, call: Call, target: Deployment) -> int | SpendLimitExceededError:
        """The most that an attempt of `call` at `target` can cost; or the error if that does not fit now."""
        layer, tenant, limit = self.layer, call.tenant, self.layer.shown(self.limit)
        amount = self._bound(call, target, layer.price_of(target))
        if isinstance(amount, str):
            return SpendLimitExceededError(tenant=tenant, unknown=amount, limit=limit)
        now = layer.now(call.pipeline)
        left = layer.ledger.left(tenant, self.limit, now)
        if amount <= left and left > 0:
            return amount
        return SpendLimitExceededError(
            tenant=tenant,
            needed=layer.shown(amount),
            left=layer.shown(left),
            limit=limit,
            retry_after=layer.ledger.ends_in(now) if amount <= self.limit and self.limit > 0 else None,
        )

    def _bound(self, call: Call, target: Deployment, price: Price | None) -> int | str:
        """The most that an attempt at `target` can cost; or why that is not known."""
        layer, request = self.layer, call.request
        if self._request is not request:
            self._request, self._size = request, size_of(request)
        entering = input_bound(self._size, target, layer.image_tokens)
        leaving = output_bound(request, target)
        if layer.in_money and not layer.allows_unknown:
            if price is None:
                return f"no price of {target} is given"
            if leaving is None:
                return "the request has no max_tokens"
        if entering is None and not layer.allows_unknown:
            return self._size.reason or f"the options of {target} let the provider add to the request"
        return cost_of(entering or 0, leaving or 0, price, money=layer.in_money)


class Paid:
    """What is reserved for one attempt; settled with what it has cost."""

    __slots__ = ("_layer", "_price", "_reserved")

    def __init__(self, reserved: Reserved, layer: SpendLimit, price: Price | None) -> None:
        self._reserved = reserved
        self._layer = layer
        self._price = price

    def settle(self, attempt: Attempt | None) -> None:
        """`attempt` has ended; `None` if it was not sent."""
        self._reserved.settle(self._cost(attempt))

    def _cost(self, attempt: Attempt | None) -> int:
        if attempt is None:
            return 0
        try:
            cost = real_cost(attempt.usage, self._price, money=self._layer.in_money)
        except PLAIN_FAILURES:  # the usage was made by code that is not ours
            cost = None
        if cost is not None:
            return cost
        return self._reserved.amount if attempt.billable else 0


def cost_of(entering: int, leaving: int, price: Price | None, *, money: bool) -> int:
    """What so many tokens cost at most."""
    if not money:
        return entering + leaving
    if price is None:
        return 0
    kinds = (price.input, price.cache_read, price.cache_write)
    dearest = max(_per_token(each) for each in kinds if each is not None)
    return entering * dearest + leaving * _per_token(price.output)


def real_cost(usage: Usage | None, price: Price | None, *, money: bool) -> int | None:
    """What `usage` has cost; `None` if it does not say: it is not the last one, or makes no sense."""
    if usage is None or not usage.complete:
        return None
    read, written = int(usage.cache_read), int(usage.cache_write)
    counts = int(usage.input), int(usage.output), int(usage.total), read, written
    if min(counts) < 0 or not max(counts[:2] if money else counts):
        return None
    if not money:
        return max(counts[2], counts[0] + counts[1])
    if price is None:
        return 0
    plain = max(counts[0] - read - written, 0)
    whole = _per_token(price.input)
    cost = plain * whole + counts[1] * _per_token(price.output)
    cost += read * (whole if price.cache_read is None else _per_token(price.cache_read))
    return cost + written * (whole if price.cache_write is None else _per_token(price.cache_write))


def _per_token(price_per_million: float) -> int:
    return math.ceil(price_per_million * UNIT / 1_000_000 - 1e-6)
