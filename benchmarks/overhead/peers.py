"""The same duties - one more try, a circuit, a bound on time - put together from other libraries.

Each is used as its own documentation shows, with the breaker for one provider made beforehand: no circuit by
tenant, no record of attempts and no deadline over all of it, which a user would have to add. aiobreaker,
tenacity, stamina and purgatory each do one part of it, and are combined with `asyncio.timeout`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import aiobreaker
import interlock
import purgatory
import redress
import stamina
import tenacity
from hyx.circuitbreaker import consecutive_breaker
from hyx.fallback import fallback
from hyx.retry import retry
from hyx.timeout import timeout
from redress.strategies import decorrelated_jitter

from benchmarks.overhead.subject import Ask, Provider, Subject, provider

SECONDS = 30.0
DISTRIBUTIONS = ("hyx", "purgatory", "aiobreaker", "tenacity", "stamina", "interlock-cb", "redress")


def peer(name: str, protected: Callable[[Provider], Awaitable[Ask]]) -> Subject:
    """A row for what `protected` puts around a provider."""

    @asynccontextmanager
    async def opened(seconds: float) -> AsyncIterator[Ask]:
        yield await protected(provider(seconds))

    return Subject(name, opened)


async def _in_time(provider: Provider) -> str:
    async with asyncio.timeout(SECONDS):
        return await provider(None)


async def _hyx(provider: Provider) -> Ask:
    async def second(result: object, *args: object, **kwargs: object) -> str:
        return await provider(None)

    async def first() -> str:
        return await provider(None)

    guarded = consecutive_breaker(failure_threshold=5)(timeout(SECONDS)(first))
    asked: Ask = fallback(second)(retry(attempts=3)(guarded))
    return asked


async def _tenacity_and_purgatory(provider: Provider) -> Ask:
    breaker = await purgatory.AsyncCircuitBreakerFactory(default_threshold=5).get_breaker("a")

    async def guarded() -> str:
        async with breaker:
            return await _in_time(provider)

    asked: Ask = tenacity.retry(stop=tenacity.stop_after_attempt(3))(guarded)
    return asked


async def _stamina_and_aiobreaker(provider: Provider) -> Ask:
    breaker = aiobreaker.CircuitBreaker(fail_max=5, timeout_duration=timedelta(seconds=30))

    async def guarded() -> object:
        return await breaker.call_async(_in_time, provider)

    asked: Ask = stamina.retry(on=Exception, attempts=3)(guarded)
    return asked


async def _interlock(provider: Provider) -> Ask:
    breaker = interlock.CircuitBreaker(name="a")
    builder = interlock.Pipeline.builder().retry(attempts=3).circuit_breaker(breaker).timeout(SECONDS)
    pipeline = builder.build()
    return lambda: pipeline.call(provider, None)


async def _redress(provider: Provider) -> Ask:
    policy = redress.AsyncPolicy(
        retry=redress.AsyncRetry(
            classifier=redress.default_classifier,
            strategy=decorrelated_jitter(max_s=5.0),
            deadline_s=60,
            max_attempts=3,
        ),
        circuit_breaker=redress.CircuitBreaker(failure_threshold=5, window_s=60.0, recovery_timeout_s=30.0),
    )
    return lambda: policy.call(lambda: _in_time(provider))


PEERS = [
    peer("hyx: fallback, retry, breaker, timeout", _hyx),
    peer("tenacity, purgatory, asyncio.timeout", _tenacity_and_purgatory),
    peer("stamina, aiobreaker, asyncio.timeout", _stamina_and_aiobreaker),
    peer("interlock-cb: retry, breaker, timeout", _interlock),
    peer("redress: retry, breaker, asyncio.timeout", _redress),
]
