"""Learns how many concurrent calls a provider accepts, and shares the places fairly among tenants."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, ClassVar, Self, cast

from ranvier import layer_remedies, validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import OverloadedError, RateLimitError
from ranvier.events import LimitLowered
from ranvier.facts.attempt import SUCCEEDED
from ranvier.layers.bulkhead.adaptive.found_limits import FoundLimits
from ranvier.layers.bulkhead.adaptive.limit_finder import LimitFinder
from ranvier.layers.bulkhead.fair_places import FairPlaces
from ranvier.pipeline.call import Call
from ranvier.pipeline.credentials import identity

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.layers.bulkhead.places import Places
    from ranvier.pipeline.runtime import Runtime

REFUSALS = (RateLimitError.kind, OverloadedError.kind)
"""The outcomes of attempts that show that a provider is overloaded."""

ABANDONED = "abandoned"

SLOW = "slow_first_token"
"""The reason of a cut without a rejection."""


class AdaptiveLimit(FairPlaces):
    """Limit the calls in flight per key and model, and learn how many the provider accepts.

    A rate limit or an overload lowers the limit to three quarters, once per burst. While the limit is fully
    used, answers let it grow: near the limit that was last rejected by one place per 25 answers, elsewhere by
    25 % per round of answers. The limit is also lowered if streams begin much later than usual: if the p90 of
    the last 50 times to the first token is twice that of the last 1000. The duration of answers does not
    matter. Calls beyond the limit wait as in a `Bulkhead`, in the same fair order.

    Args:
        initial: The initial limit of a key.
        least: The smallest limit.
        most: The largest limit.
        per_tenant: The maximum number of calls in flight of one tenant; `None` means the limit itself.
        queue: The maximum number of waiting calls. Beyond that, the newest call of the tenant with the most
            waiting calls, by weight, falls back to its next target.
        max_wait: The longest time in seconds that a call waits at one target, in all attempts together,
            including waits at gates; `None` means no limit. As in `Bulkhead`, a call waits only if that
            helps.
        weight: A function of a tenant that returns its share relative to the others, 0.001 to 1000; 1 by
            default.
        priority: A function of a call that returns its priority, from 0 (the most urgent, and the default)
            to 9. A call becomes one priority more urgent for each quarter of `max_wait` that it has waited.
        first_token: Lower the limit if streams begin much later than usual.

    Put it inside `Retry`, so that it sees every rate limit, and outside `Throttle` and `Breaker`. A gate of
    `Throttle` and this limit both apply: a rate limit with a `retry_after` closes the gate and lowers the
    limit, one without it only lowers the limit. A rejected call raises `BulkheadFullError`.

    Attributes:
        places: The places by key and model: their number, how many are taken, and which tenants wait.
    """

    waits_as: ClassVar[str] = "limit"

    @layer_remedies.suggested
    def __init__(
        self,
        initial: int = 20,
        least: int = 1,
        most: int = 1000,
        per_tenant: int | None = None,
        queue: int = 10_000,
        max_wait: float | None = 10.0,
        weight: Callable[[str], float] | None = None,
        priority: Callable[[Call], int] | None = None,
        first_token: bool = True,
    ) -> None:
        self.initial = validation.count("AdaptiveLimit(initial)", initial, least=1)
        self.least = validation.count("AdaptiveLimit(least)", least, least=1)
        self.most = validation.count("AdaptiveLimit(most)", most, least=1)
        if not least <= initial <= most:
            given = f"AdaptiveLimit(initial={initial}, least={least}, most={most})"
            raise ConfigurationError(f"{given}: give least <= initial <= most")
        self.first_token = validation.flag("AdaptiveLimit(first_token)", first_token)
        self._workers = 1
        self._learned = FoundLimits(self._create_finder)
        super().__init__(per_tenant, queue, max_wait, weight, priority)

    def opened(self, pipeline: Runtime) -> None:
        """Keep the learned limits; forget the calls of a closed event loop."""
        if (shift := self.places.opened(pipeline)) is not None:
            self._learned.shift(shift)

    def _create_finder(self) -> LimitFinder:
        return LimitFinder(self._part_of(self.initial), self.least, self._part_of(self.most))

    def _part_of(self, limit: int) -> int:
        """This worker's part of a limit of the whole service."""
        return max(self.least, -(-limit // self._workers))

    def divide(self, workers: int) -> None:
        """Apply one part in `workers` of every limit, including the learned ones."""
        before, self._workers = self._workers, workers
        if workers != before:
            self._learned.scale(before / workers, self.least, self._part_of(self.most))
            self._set_rules()

    def take_over(self, before: Self) -> None:
        """Take over the learned limits, the places, and the waiting calls."""
        self._workers = before._workers
        self._learned = before._learned.with_settings_of(self._learned, self.least, self._part_of(self.most))
        super().take_over(before)

    # --- one limit per key and model -------------------------------------------------------------

    def key_of(self, call: Call) -> Hashable:
        """The target, and a hash of the key that it is called with."""
        return identity.target(call), identity.account(call)

    def name_of(self, key: Hashable) -> str:
        """The target, and a digest of the key."""
        target, credential = cast("tuple[str, int]", key)
        return f"{target} key {credential & 0xFFFFFFFF:08x}"

    def limit_of(self, key: Hashable) -> int:
        """The limit found for `key`."""
        return self._learned.of(key).finder.limit

    # --- what calls show -------------------------------------------------------------------------

    def began(self, call: Call, places: Places) -> None:
        """A stream has begun: learn from its time to the first token."""
        attempt = call.record.last_at(call.deployment.target)
        if attempt is not None and call.deployment.streams(identity.account(call)):
            self._began(call, places, attempt)

    def ended(self, call: Call, places: Places, attempts: tuple[Attempt, ...]) -> None:
        """Learn from the attempts, from the answer of the last."""
        target = call.deployment.target
        for attempt in attempts:
            if attempt.target == target and attempt.fault is None:
                if not call.streaming and attempt.first_token is not None:
                    self._began(call, places, attempt)
                self._learn(call, places, attempt)

    def _began(self, call: Call, places: Places, attempt: Attempt) -> None:
        if not self.first_token or attempt.first_token is None or attempt.fault is not None:
            return
        found, now = self._learned.of(places.key), call.pipeline.clock()
        used = places.queue.in_flight == places.queue.limit
        if found.first_token(attempt.first_token, attempt.started, now, used=used):
            _lower(call, places, found.finder.limit, SLOW)

    def _learn(self, call: Call, places: Places, attempt: Attempt) -> None:
        found, now = self._learned.of(places.key), call.pipeline.clock()
        if attempt.outcome in REFUSALS:
            if found.refused(attempt.started, now):
                _lower(call, places, found.finder.limit, attempt.outcome)
        elif attempt.outcome == SUCCEEDED or (
            attempt.outcome == ABANDONED and attempt.first_token is not None  # closed early by its reader
        ):
            used = found.used(places.queue.in_flight, attempt.queued)
            found.finder.accepted(attempt.started, now, used=used)
            places.queue.limit = found.finder.limit

    def __repr__(self) -> str:
        return self._describe(
            initial=self.initial,
            least=self.least,
            most=self.most,
            **({} if self.per_tenant is None else {"per_tenant": self.per_tenant}),
            queue=self.queue,
            max_wait=self.max_wait,
            **({} if self.first_token else {"first_token": False}),
        )


def _lower(call: Call, places: Places, limit: int, kind: str) -> None:
    """Lower the limit in force to `limit`, because of `kind`. Calls in flight keep their places."""
    before, places.queue.limit = places.queue.limit, limit
    if call.pipeline.events.hears(LimitLowered):
        event = LimitLowered(**call.where(), before=before, after=limit, kind=kind)
        call.pipeline.events.emit(event, call.record)
