"""Settings of layers, and whose key is used where: drawn for each stack."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, Literal

from ranvier import SHARED
from ranvier.layers import AdaptiveLimit, Bulkhead, Pacing, Retry, RetryBudget, SharedCircuits, Timeout
from ranvier.pipeline import Credentials
from simulation.misbehaviour import GRACE
from simulation.provider import SeededProvider
from simulation.story import EPSILON, NEVER, STORY, Story

MANY = 100_000
"""More circuits, gates or keys than any world needs."""


def draw_retry(rng: Random, overrides: dict[str, Retry] | None = None) -> Retry:
    """How often to try again, and after which waits."""
    return Retry(
        max_retries=rng.randint(0, 4),
        base_delay=rng.choice([0.0, 0.25, 0.5, 2.0]),
        max_delay=rng.choice([1.0, 5.0, 30.0]),
        jitter=rng.choice(["full", "equal", "none"]),
        on_timeout=rng.random() < 0.3,
        budget=rng.choice([None, RetryBudget(), RetryBudget(0.5, 0.0), RetryBudget(0.1, 5.0)]),
        overrides=overrides,
    )


def draw_hedges(rng: Random) -> tuple[float | Literal["p95", "p99"] | None, float | None]:
    """When another target is asked as well, and how much time is kept for it; in half of the stacks never."""
    if rng.random() < 0.5:
        return None, None
    return rng.choice([None, 0.5, 2.0, "p95", "p99", "p99"]), rng.choice([None, 2.0, 20.0])


def draw_places(rng: Random) -> list[Bulkhead | AdaptiveLimit]:
    """A queue for places, in some of the stacks; in some of those one of each kind."""
    if rng.random() < 0.7:
        return []
    first = _draw_places(rng, rng.random() < 0.5)
    own = Random(repr(first))  # every other draw stays as it was
    second = _draw_places(own, isinstance(first, Bulkhead))
    return [first] if own.random() < 0.7 else own.sample([first, second], 2)


def _draw_places(rng: Random, adaptive: bool) -> Bulkhead | AdaptiveLimit:
    settings: dict[str, Any] = {
        "per_tenant": rng.choice([None, None, 2]),
        "queue": rng.choice([0, 3, 10_000]),
        "max_wait": rng.choice([0.0, 1.0, 10.0]),
    }
    places = rng.choice([1, 3, 20])
    return AdaptiveLimit(places, **settings) if adaptive else Bulkhead(places, **settings)


def draw_pacing(rng: Random) -> Pacing | None:
    """Calls that keep under the limits of their key, in some of the stacks."""
    if rng.random() < 0.6:
        return None
    return Pacing(rng.choice([0.0, 1.0, 10.0]), queue=rng.choice([0, 3, 10_000]))


def draw_shared(rng: Random) -> SharedCircuits | None:
    """Circuits that all tenants share, in some of the stacks."""
    if rng.random() < 0.6:
        return None
    return SharedCircuits(
        votes=rng.choice([2, 3, 5]),
        share=rng.choice([0.3, 0.5, 1.0]),
        cooldown=rng.choice([1.0, 10.0]),
        max_cooldown=20.0,
        max_probes=rng.choice([1, 6]),
        mode=rng.choice(["enforced", "enforced", "observed", "off"]),
    )


def draw_breaker_settings(rng: Random) -> dict[str, Any]:
    """When circuits open and close."""
    return {
        "failure_threshold": rng.randint(1, 4),
        "success_threshold": rng.randint(1, 3),
        "cooldown": rng.choice([0.0, 1.0, 5.0, 30.0]),
        "max_cooldown": rng.choice([None, 60.0]),
        "max_probes": rng.randint(1, 3),
        "probe_lease": rng.choice([None, 0.5, 5.0]),
    }


def draw_timeout(rng: Random, overrides: dict[str, Timeout] | None = None) -> Timeout:
    """How long attempts may take."""
    return Timeout(
        seconds=rng.choice([1.0, 5.0, 20.0, 60.0]),
        connect=rng.choice([None, 0.5, 2.0]),
        first_token=rng.choice([None, 0.5, 2.0, 5.0, 20.0]),
        idle=rng.choice([None, 0.375, 1.0, 5.0]),
        stream_complete=rng.random() < 0.8,
        overrides=overrides,
    )


class Keys:
    """Whose key is used where.

    Attributes:
        credentials: For the pipeline; `None` where nobody is asked.
        most: Answers that are kept at most.
        tried_at_most: Keys that a call may try at one target.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        kind = rng.choice(["none", "plain", "async", "async"])
        self.most = rng.choice([3, 50, MANY])
        self.credentials: Credentials | None = None
        self.tried_at_most = 1 if kind == "none" else 3
        if kind != "none":
            resolver = self.of if kind == "plain" else self._look_up
            self.credentials = Credentials(resolver, ttl=rng.choice([0.0, 2.0, 60.0]), max_entries=self.most)

    def of(self, tenant: str, provider: str) -> Any:
        """The keys of a tenant at a provider, as a resolver says it."""
        number = int(tenant[7:])
        if number % 13 == 5:
            return None
        if number % 4 == 1:
            return SHARED
        if number % 7 == 2:
            return [f"{provider}-{tenant}-{place}" for place in range(3)]
        return f"{provider}-{tenant}"

    async def _look_up(self, tenant: str, provider: str) -> Any:
        chance = self._rng.random()
        if chance < 0.5:
            await asyncio.sleep(int(chance * 128) / 64)
        if chance > 0.98:
            raise LookupError("the vault is sealed")
        if chance > 0.96:
            raise asyncio.CancelledError  # a task of the vault's own was cancelled
        if chance > 0.94:
            await self._hang(STORY.get(), swallow=chance > 0.95)
        return self.of(tenant, provider)

    async def _hang(self, story: Story, *, swallow: bool) -> None:
        """Never answer a call that has a deadline; maybe swallow the cancellation by that once."""
        if story.deadline == NEVER:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            late = loop.time() >= story.deadline - EPSILON
            if not swallow or not late or story.given_up or story.stack.cut_off:
                raise
            story.keep_busy(loop.time() + GRACE)
            await loop.create_future()

    def allow(self, tenant: str, provider: SeededProvider, key: str | None) -> bool:
        """Whether a call of that tenant may be sent with that key."""
        keys = SHARED if self.credentials is None else self.of(tenant, provider.name)
        if keys is None:
            return False
        listed = keys if isinstance(keys, list) else [keys]
        return key in [provider.own_key if each is SHARED else each for each in listed]
