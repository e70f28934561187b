"""Retries a failed attempt at the same target, if that may help."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import validation
from ranvier.clock import sleep_until
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import AttemptTimeoutError
from ranvier.errors.rejected import RejectedError
from ranvier.errors.root import RanvierError
from ranvier.events import RetryScheduled
from ranvier.layers.retry.backoff import Backoff, Jitter
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.reporting import recorder
from ranvier.remedies import suggests

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
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
        overrides: The settings for single targets, by `"provider"` or `"provider/model"`.

    A `retry_after` is never shortened. If a wait would exceed the deadline, the provider's error is
    raised at once, so that the next target gets the remaining time.
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
        self.max_retries = validation.count("Retry(max_retries)", max_retries, least=0)
        self.base_delay = validation.seconds("Retry(base_delay)", base_delay)
        self.max_delay = validation.seconds("Retry(max_delay)", max_delay)
        self.jitter = validation.choice("Retry(jitter)", jitter, ("full", "equal", "none"))
        self.on_timeout = on_timeout
        self.multiplier = validation.seconds("Retry(multiplier)", multiplier)
        if self.multiplier < 1:
            raise ConfigurationError(
                f"Retry(multiplier)={multiplier!r}: give 1 or more, so that waits do not shrink"
            )
        self._backoff = Backoff(self.base_delay, self.max_delay, self.multiplier, jitter, random.random)
        self.override_with(overrides)

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Send the call, and retry it until it succeeds or a retry cannot help."""
        failed: RanvierError | None = None
        try:
            while True:
                try:
                    return await inner(call)
                except RejectedError:
                    if failed is None:
                        raise
                    raise failed from None  # not the rejection of a retry: the provider's error says more
                except RanvierError as error:
                    delay = self.settings_for(call.deployment)._delay(call, error)
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

    def _delay(self, call: Call, error: RanvierError) -> float | None:
        """Seconds to wait before the next attempt; `None` means do not retry."""
        if call.attempt > self.max_retries or error.retry_useless:
            return None
        if call.watch.hedged or call.watch.last_target:
            return None
        if error.about_key and call.pipeline.credentials.another(call) is not None:
            return None  # the fallback sends the call with that key at once
        if not error.retryable and not (self.on_timeout and isinstance(error, AttemptTimeoutError)):
            return None
        retry_after = error.retry_after
        if retry_after is not None and retry_after > self.max_delay:
            return None
        delay = self._backoff.delay(call.attempt, retry_after)
        if call.deadline is None:
            return delay
        left = call.deadline - call.pipeline.clock()
        if retry_after is not None and retry_after < left:
            delay = min(delay, (retry_after + left) / 2)  # so that jitter alone never exceeds the deadline
        return delay if delay < left else None

    def _emit(self, call: Call, error: RanvierError, delay: float) -> None:
        events = call.pipeline.events
        if events.listeners:
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

    def __repr__(self) -> str:
        return self._describe(
            max_retries=self.max_retries,
            base_delay=self.base_delay,
            max_delay=self.max_delay,
            jitter=self.jitter,
            **({"on_timeout": True} if self.on_timeout else {}),
        )
