"""Asks the same target again, when that may help."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import checks
from ranvier.clock import sleep_until
from ranvier.errors import AttemptTimeoutError, ConfigurationError, RanvierError, RejectedError
from ranvier.layers.retry.backoff import Backoff, Jitter
from ranvier.pipeline.call import Call
from ranvier.pipeline.events import RetryScheduled, where
from ranvier.pipeline.layer import Handler, Layer, Place, R
from ranvier.remedies import suggests

if TYPE_CHECKING:
    from ranvier.pipeline.bound import Bound
    from ranvier.pipeline.deployment import Deployment


class Retry(Layer):
    """Try again what may pass with time: broken connections, 5xx, overload, rate limits.

    Args:
        max_retries: Further attempts after the first; 0 is none.
        base_delay: Seconds before the first retry, before jitter.
        max_delay: The longest wait. A provider that asks for more is left at once, for the next target.
        multiplier: By which each wait is longer than the one before.
        jitter: `full` spreads waits over their whole length, `equal` over the upper half, `none` not.
        on_timeout: Also retry an attempt that was too slow. Off, since a silent provider stays
            silent; a slow connect is retried in any case.
        overrides: The settings for single targets, by `"provider"` or `"provider/model"`.

    A `retry_after` is never shortened. A wait that does not fit the deadline is not begun: the
    provider's error is raised at once, and the next target gets the time that is left.
    """

    place: ClassVar[Place] = Place.RETRY

    @suggests(
        **dict.fromkeys(("max_attempts", "attempts", "tries"), "max_retries=2 is three attempts at most"),
        **dict.fromkeys(("retries", "num_retries"), "write max_retries=..."),
        **dict.fromkeys(("delay", "wait", "backoff"), "write base_delay=... and max_delay=..."),
    )
    def __init__(
        self,
        max_retries: int = 3,
        base_delay: float = 0.5,
        max_delay: float = 30.0,
        multiplier: float = 2.0,
        jitter: Jitter = "full",
        on_timeout: bool = False,
        *,
        overrides: Mapping[str, Self] | None = None,
    ) -> None:
        self.max_retries = checks.count("Retry(max_retries)", max_retries, least=0)
        self.base_delay = checks.seconds("Retry(base_delay)", base_delay)
        self.max_delay = checks.seconds("Retry(max_delay)", max_delay)
        self.jitter = checks.choice("Retry(jitter)", jitter, ("full", "equal", "none"))
        self.on_timeout = on_timeout
        self.multiplier = checks.seconds("Retry(multiplier)", multiplier)
        if self.multiplier < 1:
            raise ConfigurationError(
                f"Retry(multiplier)={multiplier!r}: give 1 or more, so that waits do not shrink"
            )
        self._backoff = Backoff(self.base_delay, self.max_delay, self.multiplier, jitter, random.random)
        self.override_with(overrides)

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Try, and try again."""
        failed: RanvierError | None = None
        try:
            while True:
                try:
                    return await inner(call)
                except RejectedError:
                    if failed is None:
                        raise
                    raise failed from None  # the circuit has opened meanwhile: the provider said more
                except RanvierError as error:
                    delay = self.settings_for(call.deployment)._delay(call, error)
                    if delay is None:
                        raise
                    failed = error
                self._tell(call, failed, delay)
                began = call.pipeline.clock()
                try:
                    await sleep_until(began + delay, call.pipeline.clock)
                finally:
                    call.record.waited("backoff", call, began, failed.kind)
                call = call.again(delay, failed.kind)
        finally:
            del failed  # the error holds this frame: a frame that held it too would be a cycle

    def _delay(self, call: Call, error: RanvierError) -> float | None:
        """Seconds to wait before the next attempt, or `None` where there is none to be made."""
        if call.attempt > self.max_retries or error.target_refuses:
            return None
        if error.about_key and call.pipeline.credentials.another(call) is not None:
            return None  # the route goes on with that key at once
        if not error.retryable and not (self.on_timeout and isinstance(error, AttemptTimeoutError)):
            return None
        asked = error.retry_after
        if asked is not None and asked > self.max_delay:
            return None
        delay = self._backoff.delay(call.attempt, asked)
        if call.deadline is None:
            return delay
        left = call.deadline - call.pipeline.clock()
        if asked is not None and asked < left:
            delay = min(delay, (asked + left) / 2)  # chance must not cost an attempt that would fit
        return delay if delay < left else None

    def _tell(self, call: Call, error: RanvierError, delay: float) -> None:
        events = call.pipeline.events
        if events.listeners:
            events.emit(
                RetryScheduled(
                    **where(call),
                    attempt=call.attempt,
                    delay=delay,
                    kind=error.kind,
                ),
                call,
            )

    def bound(self, inner: Bound, deployment: Deployment | None) -> Bound:
        """Every attempt fails, and every wait is the longest that a provider may ask for."""
        settings = self if deployment is None else self.settings_for(deployment)
        chance = 0.0 if settings.jitter == "none" else min(settings.base_delay, settings.max_delay)
        return inner.times(settings.max_retries + 1, settings.max_delay + chance)

    def __repr__(self) -> str:
        return self._describe(
            max_retries=self.max_retries,
            base_delay=self.base_delay,
            max_delay=self.max_delay,
            jitter=self.jitter,
            **({"on_timeout": True} if self.on_timeout else {}),
        )
