"""Retries a failed attempt at the same target, if a retry may help."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import layer_remedies, validation
from ranvier.clock import earliest, sleep_until
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import AttemptTimeoutError
from ranvier.errors.rejected import RejectedError
from ranvier.errors.root import RanvierError
from ranvier.events import RetryScheduled
from ranvier.layers.retry.backoff import Backoff, Jitter
from ranvier.layers.retry.budget import DEFAULT_BUDGET, RetryBudget
from ranvier.pipeline.asking.payments import affordable
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.reporting import recorder

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime
    from ranvier.pipeline.worst_case import WorstCase


class Retry(Layer):
    """Retry transient errors: broken connections, 5xx, overload, rate limits.

    Args:
        max_retries: The maximum number of further attempts after the first; 0 switches retries off.
        base_delay: Seconds before the first retry, before jitter.
        max_delay: The longest wait in seconds. If a provider asks for more, the call falls back to the next
            target at once.
        multiplier: The factor by which each wait is longer than the one before.
        jitter: How much of each wait is random: `full` all of it, `equal` its second half, `none` nothing.
        on_timeout: Also retry an attempt that timed out. Off by default, because a silent provider
            usually stays silent. A connect timeout is always retried.
        budget: Limits the retries at each provider over all tenants, so that retries cannot multiply an
            outage; `RetryBudget()` if not given. If it is used up, the provider's error is raised. `None`
            switches it off.
        overrides: The settings for single targets, by `"provider"` or `"provider/model"`. The budget is the
            layer's for all targets; `budget=None` switches it off for one.

    A `retry_after` is never shortened. If a wait would exceed the deadline, the provider's error is
    raised at once, so that the next target gets the remaining time.
    """

    place: ClassVar[Place] = Place.RETRY
    retries_broken = True

    @layer_remedies.suggested
    def __init__(
        self,
        max_retries: int = 3,
        base_delay: float = 0.5,
        max_delay: float = 30.0,
        multiplier: float = 2.0,
        jitter: Jitter = "full",
        on_timeout: bool = False,
        *,
        budget: RetryBudget | None = DEFAULT_BUDGET,
        overrides: Mapping[str, Self] | None = None,
    ) -> None:
        self.max_retries = validation.count("Retry(max_retries)", max_retries, least=0)
        self.base_delay = validation.seconds("Retry(base_delay)", base_delay)
        self.max_delay = validation.seconds("Retry(max_delay)", max_delay)
        self.jitter = validation.choice("Retry(jitter)", jitter, ("full", "equal", "none"))
        self.on_timeout = validation.flag("Retry(on_timeout)", on_timeout)
        self.multiplier = validation.number("Retry(multiplier)", multiplier, least=1)  # or waits would shrink
        self._backoff = Backoff(self.base_delay, self.max_delay, self.multiplier, jitter, random.random)
        self.budget = RetryBudget() if budget is DEFAULT_BUDGET else budget
        if self.budget is not None and not isinstance(self.budget, RetryBudget):
            raise ConfigurationError(
                f"Retry(budget)={budget!r:.80}: give a RetryBudget(...), or None to switch it off"
            )
        self.override_with(overrides)

    def join(self, pipeline: Runtime) -> None:
        """Let other further attempts, such as those with another key, use the budget, too."""
        pipeline.retry_budget = self.budget

    def take_over(self, before: Self) -> None:
        """Take over the used part of the budget."""
        if self.budget is not None and before.budget is not None:
            self.budget.take_over(before.budget)

    def divide(self, workers: int) -> None:
        """Use one part in `workers` of the retries per second."""
        if self.budget is not None:
            self.budget.workers = workers

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Send the call, and retry it until it succeeds or a retry cannot help."""
        failed: RanvierError | None = None
        before = call.record.attempts
        try:
            while True:
                try:
                    if call.watch.broken is not None:
                        raise _taken(call)
                    answer = await inner(call)
                    if failed is None:
                        self._count_first(call, before)
                    return answer
                except RejectedError:
                    if failed is None:
                        raise
                    raise failed from None  # not the rejection of a retry: the provider's error says more
                except RanvierError as error:
                    if failed is None:
                        self._count_first(call, before)
                    delay = self._delay(call, error)
                    if delay is None:
                        raise
                    failed = error
                self._emit(call, failed, delay)
                started_at = call.pipeline.clock()
                try:
                    await sleep_until(started_at + delay, call.pipeline.clock)
                finally:
                    recorder.waited(call, "backoff", started_at, failed.kind)
                call = call.again(delay, failed.kind)
        finally:
            del failed  # because the error's traceback refers to this frame: a local would complete a cycle

    def _count_first(self, call: Call, before: tuple[Attempt, ...]) -> None:
        """Count the first attempt at this target for the budget, if it was sent."""
        record = call.record
        if self.budget is None or record.attempts is before:
            return
        if record.tried_keys and any(at == call.deployment.target for at, _ in record.tried_keys):
            return  # a further attempt, with another key
        self.budget.first(call.tenant, call.deployment.provider.name, call.pipeline.clock())

    def _delay(self, call: Call, error: RanvierError) -> float | None:
        """Seconds to wait before the next attempt; `None` means do not retry."""
        settings = self.settings_for(call.deployment)
        delay = settings._useful_delay(call, error)
        if delay is not None and not affordable(call):
            recorder.noted(call, "retry_too_dear")
            return None
        if delay is None or self.budget is None or settings.budget is None:
            return delay
        now = call.pipeline.clock()
        if self.budget.take(call.tenant, call.deployment.provider.name, now):
            return delay
        recorder.withheld(call, error)
        return None

    def _useful_delay(self, call: Call, error: RanvierError) -> float | None:
        """Seconds to wait before the next attempt; `None` if it could not help, or would not fit."""
        if call.watch.last_target or call.watch.hedged or call.watch.lost:
            return None  # the route has made its last attempt here, or has already asked another target
        if call.attempt > self.max_retries or error.retry_useless:
            return None
        if error.about_key and call.pipeline.credentials.another(call) is not None:
            return None  # the fallback sends the call with that key at once
        if not error.retryable and not (self.on_timeout and isinstance(error, AttemptTimeoutError)):
            return None
        retry_after = error.retry_after
        if retry_after is not None and retry_after > self.max_delay:
            return None
        delay = self._backoff.delay(call.attempt, retry_after)
        due = earliest(call.deadline, call.watch.until)  # the next target gets its turn
        if due is None:
            return delay
        left = due - call.pipeline.clock()
        if retry_after is not None and retry_after < left:
            delay = min(delay, (retry_after + left) / 2)  # so that jitter alone never exceeds the deadline
        return delay if delay < left else None

    def _emit(self, call: Call, error: RanvierError, delay: float) -> None:
        events = call.pipeline.events
        if events.hears(RetryScheduled):
            events.emit(
                RetryScheduled(
                    **call.where(),
                    attempt=call.attempt,
                    delay=delay,
                    kind=error.kind,
                ),
                call.record,
            )

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """The worst case: every attempt fails, and every wait is the longest that a provider may ask for."""
        settings = self if deployment is None else self.settings_for(deployment)
        jitter = 0.0 if settings.jitter == "none" else min(settings.base_delay, settings.max_delay)
        return inner.times(settings.max_retries + 1, settings.max_delay + jitter)

    def status(self, now: float) -> Iterable[str]:
        """The used part of the budget at each provider with retries."""
        return () if self.budget is None else self.budget.status(now)

    def __repr__(self) -> str:
        return self._describe(
            max_retries=self.max_retries,
            base_delay=self.base_delay,
            max_delay=self.max_delay,
            jitter=self.jitter,
            **({"on_timeout": True} if self.on_timeout else {}),
            **({} if repr(self.budget) == repr(DEFAULT_BUDGET) else {"budget": self.budget}),
        )


def _taken(call: Call) -> RanvierError:
    """Take the error of the broken stream from the call, so that later attempts do not fail with it."""
    broken, call.watch.broken = call.watch.broken, None
    assert broken is not None
    return broken
