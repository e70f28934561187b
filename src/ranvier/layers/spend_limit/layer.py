"""Limits what each tenant spends in a window of time, in money or in tokens."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self
from weakref import WeakKeyDictionary

from ranvier import clock, layer_remedies, validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.spend_limit import SpendLimitExceededError
from ranvier.facts.price import Prices, of_target
from ranvier.layers.spend_limit.fund import Fund, OnStoreLoss
from ranvier.layers.spend_limit.ledger import Account, Ledger, Spent
from ranvier.layers.spend_limit.purse import Purse
from ranvier.layers.spend_limit.rates import TOKENS, UNIT, Rates, rates_of
from ranvier.layers.spend_limit.shared_purse import SharedPurse
from ranvier.pipeline.asking.prices import checked_prices
from ranvier.pipeline.asking.users_function import ask, plain
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.running.loops import Loops
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime

Unknown = Literal["reject", "allow"]
LimitOf = Callable[[str], float | None]

MAX_SHOWN = 12
"""Maximum number of tenants that `print(pipeline)` lists."""


class SpendLimit(Layer):
    """Limit what each tenant spends in a window of time.

    Before each attempt, the most that it can cost is reserved; at its end, the real cost replaces the
    reservation. An attempt that does not fit is not sent, whether it is a first attempt, a retry, a hedge, a
    repair, or one with another key or target. Settled and reserved amounts together never exceed the limit,
    however many calls run concurrently.

    Args:
        per_tenant: The limit: in the currency of `prices`, or in tokens without prices. Or a plain function
            of the tenant that returns it; `None` means no limit. If it raises or returns anything else, the
            call is rejected.
        window: The length of a window in seconds. Windows begin at multiples of it since the epoch: with
            86,400 at midnight UTC.
        prices: The prices of the targets, `{"provider/model": Price(input=3, output=15)}`.
        unknown: What to do with an attempt whose cost has no known bound: with a target without a price, a
            request without `max_tokens`, a document, or a tool that the provider runs. `reject` does not
            send it; `allow` reserves only the known part. Without prices, `max_tokens` is not needed.
        image_tokens: The maximum number of tokens of one image by target, to override the built-in bounds.
        max_tenants: The maximum number of tenants that may spend in one window; others are rejected.
        on_store_loss: What to do once a worker has spent its slice and cannot reach the store. `allow`, the
            default, continues with the limit divided by the last known number of workers: all together spend
            at most the limit once more. `reject` rejects, also before the store is reached for the first
            time. Without a store it has no effect.

    A call that fits at none of its targets raises `SpendLimitExceededError` before anything is sent. A target
    that is too expensive is skipped. With `Pipeline(store=...)`, all workers share one limit, and lease
    slices of it; otherwise each process has its own.
    """

    place: ClassVar[Place] = Place.CALL

    @layer_remedies.suggested
    def __init__(
        self,
        per_tenant: float | LimitOf,
        window: float,
        *,
        prices: Prices | None = None,
        unknown: Unknown = "reject",
        image_tokens: Mapping[str, int] | None = None,
        max_tenants: int = 1_000_000,
        on_store_loss: OnStoreLoss = "allow",
    ) -> None:
        name = "SpendLimit(per_tenant)"
        self.per_tenant = (
            plain(name, per_tenant, "tenant") if callable(per_tenant) else validation.number(name, per_tenant)
        )
        self.window = validation.seconds("SpendLimit(window)", window)
        if not 0 < self.window < math.inf:
            raise ConfigurationError(f"SpendLimit(window)={window!r}: give a finite number above 0")
        known = checked_prices("SpendLimit(prices)", prices)
        self.in_money = prices is not None
        self._rates = {target: rates_of(price) for target, price in known.items()}
        self.allows_unknown = (
            validation.choice("SpendLimit(unknown)", unknown, ("reject", "allow")) == "allow"
        )
        wanted = "whole numbers by 'provider/model'"
        self.image_tokens = validation.mapping("SpendLimit(image_tokens)", image_tokens, wanted)
        for target, most in self.image_tokens.items():
            validation.count(f"SpendLimit(image_tokens)[{target!r:.80}]", most, least=1)
        tenants = validation.count("SpendLimit(max_tenants)", max_tenants, least=1)
        goes_on = validation.choice("SpendLimit(on_store_loss)", on_store_loss, ("allow", "reject"))
        self.fund = Fund(Ledger(self.window, tenants), goes_on=goes_on == "allow")
        self._loops = Loops("SpendLimit")
        self._offset: float | None = None  # of the time since the epoch from the pipeline's clock
        self._targets: WeakKeyDictionary[Runtime, tuple[Deployment, ...]] = WeakKeyDictionary()

    # --- for the pipeline ------------------------------------------------------------------------

    def join(self, pipeline: Runtime) -> None:
        """Learn the targets."""
        every = (target for layer in pipeline.layers for target in layer.deployments())
        self._targets[pipeline] = tuple(dict.fromkeys(every))

    def opened(self, pipeline: Runtime) -> None:
        """Align the windows with the time of day, once: later jumps of the wall clock change nothing.

        Settles the attempts that were in flight on a closed event loop.
        """
        shift = self._loops.enter(pipeline)
        if self._offset is not None and shift is not None:
            self.ledger.settle_all()
            self._offset -= shift
        elif self._offset is None:
            self._offset = clock.since_epoch(pipeline.loop) - pipeline.clock()
        self.fund.follow(pipeline, self._name(pipeline), in_money=self.in_money, now=self.now(pipeline))

    def _name(self, pipeline: Runtime) -> str:
        """The name of the limit, the same in all workers; it includes the window."""
        alike = (
            each
            for each in pipeline.layers
            if isinstance(each, SpendLimit) and (each.window, each.in_money) == (self.window, self.in_money)
        )
        number = next((number for number, each in enumerate(alike) if each is self), 0)
        return ("money" if self.in_money else "tokens") + (f"-{number + 1}" if number else "")

    def take_over(self, before: Self) -> None:
        """Take over what tenants have spent and reserved, if windows and unit are the same."""
        if (before.window, before.in_money) == (self.window, self.in_money):
            before.ledger.max_tenants, before.fund.goes_on = self.ledger.max_tenants, self.fund.goes_on
            self.fund, self._loops, self._offset = before.fund, before._loops, before._offset

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Pass on the call with its purse, if it fits at any of its targets."""
        limit = self._limit_of(call)
        if limit is None:
            return inner(call)
        purse = SharedPurse(self, limit) if self.fund.link.live else Purse(self, limit)
        error = purse.look(call)
        if error is None:
            return inner(call.spending_from(purse))
        try:
            raise self._rejected(call, purse, error)
        finally:
            del error  # it refers to this frame: a local would complete a reference cycle

    def admits_now(self, call: Call) -> bool:
        """True if an attempt of `call` at its target would fit now."""
        return all(purse.fits(call) for purse in call.purses if getattr(purse, "layer", None) is self)

    def _limit_of(self, call: Call) -> int | None:
        if not callable(self.per_tenant):
            return self._whole(self.per_tenant)
        try:
            limit = ask("SpendLimit(per_tenant)", self.per_tenant, call.tenant)
            return None if limit is None else self._whole(validation.number("SpendLimit(per_tenant)", limit))
        except Exception as failure:
            unknown = SpendLimitExceededError(tenant=call.tenant, unknown="per_tenant failed")
            try:
                raise self._rejected(call, Purse(self, 0), unknown) from failure
            finally:
                del unknown  # as above

    def _rejected(self, call: Call, purse: Purse, error: SpendLimitExceededError) -> SpendLimitExceededError:
        recorder.passed_over(call, error, "every target", error.in_words())
        purse.refused(call, error)
        return error

    # --- for purses ------------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """The amounts spent and reserved at this worker."""
        return self.fund.ledger

    def targets_of(self, pipeline: Runtime) -> tuple[Deployment, ...]:
        """The targets that calls of `pipeline` might be sent to."""
        return self._targets[pipeline]

    def now(self, pipeline: Runtime) -> float:
        """Seconds since the epoch, by the pipeline's clock."""
        return self._since_epoch(pipeline.clock())

    def _since_epoch(self, now: float) -> float:
        return now + (self._offset or 0.0)

    def rates_of(self, target: Deployment) -> Rates | None:
        """The cost of a token at `target`; `None` without a price."""
        return of_target(self._rates, target.target) if self.in_money else TOKENS

    def shown(self, amount: int) -> float:
        """`amount` as money or tokens."""
        return amount / UNIT if self.in_money else amount

    def _whole(self, amount: float) -> int:
        return math.floor(amount * UNIT) if self.in_money else math.floor(amount)

    # --- reading ---------------------------------------------------------------------------------

    def account(self, tenant: str) -> Account:
        """The amounts of `tenant` in the current window."""
        return self._account(tenant, self._since_epoch(clock.now()))

    def _account(self, tenant: str, now: float) -> Account:
        return Account(tenant, *map(self.shown, self.ledger.account(tenant, now)))

    def spending(self, now: float) -> Spent:
        """The amounts of all tenants in the current window; `now` is on the pipeline's clock."""
        now = self._since_epoch(now)
        tenants, settled, reserved = self.ledger.totals(now)
        unit = "money" if self.in_money else "tokens"
        ends_in = self.ledger.ends_in(now)
        return Spent(unit, self.window, ends_in, tenants, self.shown(settled), self.shown(reserved))

    def status(self, now: float) -> Iterable[str]:
        """The amounts of all tenants in the window, and the tenants that have spent most."""
        all_ = self.spending(now)
        spent = f"{all_.settled:g} spent, {all_.reserved:g} reserved"
        yield f"{counted(all_.tenants, 'tenant')}, {spent}, ends in {all_.ends_in:.0f} s"
        now = self._since_epoch(now)
        for tenant in self.ledger.largest(MAX_SHOWN, now):
            account = self._account(tenant, now)
            yield f"  {tenant}: {account.settled:g} spent, {account.reserved:g} reserved"

    def unsettled(self) -> Iterable[str]:
        """The reservations of attempts in flight, for `assert_settled`."""
        for reserved in tuple(self.ledger.held):
            yield f"SpendLimit: {self.shown(reserved.amount):g} reserved for tenant {reserved.tenant!r}"

    def __repr__(self) -> str:
        limit = self.per_tenant if not callable(self.per_tenant) else "by tenant"
        unit = "prices" if self.in_money else "tokens"
        others = {"unknown": "allow"} if self.allows_unknown else {}
        if not self.fund.goes_on:
            others["on_store_loss"] = "reject"
        return self._describe(per_tenant=limit, window=self.window, unit=unit, **others)
