"""Limits the calls in flight, and shares the places fairly among tenants."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ranvier import layer_remedies, validation
from ranvier.layers.bulkhead.fair_places import FairPlaces
from ranvier.pipeline.asking.users_function import ask_key, plain
from ranvier.pipeline.call import Call
from ranvier.pipeline.credentials import identity


class Bulkhead(FairPlaces):
    """Limit the calls in flight at a provider, so that one tenant's burst does not hold up the others.

    When all places are taken, calls wait in a fair queue: the tenant that was served least, measured in
    tokens, is next. Idle tenants save up nothing. A stream holds its place until it ends.

    Args:
        limit: The maximum number of calls in flight, per key.
        per_tenant: The maximum number of calls in flight of one tenant, even if no call waits; `None` means
            `limit`.
        queue: The maximum number of waiting calls. Beyond that, the newest call of the tenant with the most
            waiting calls, by weight, falls back to its next target.
        max_wait: The longest time in seconds that a call waits at one target, in all attempts together,
            including waits at gates; `None` means no limit. A call waits only if no later target would admit
            it now, and if its turn is expected in that time and before its deadline. Otherwise it falls back
            to the next target at once.
        weight: A function of a tenant that returns its share relative to the others, 0.001 to 1000; 1 by
            default.
        priority: A function of a call that returns its priority, from 0 (the most urgent, and the default)
            to 9. A more urgent call goes first, however much its tenant was served. A call becomes one
            priority more urgent for each quarter of `max_wait` that it has waited.
        key: A function of a call that returns the key by which places are counted, anything hashable; `None`
            means the provider's name.

    Put it outside `Throttle` and `Breaker`, so that no waiting call occupies a probe. A hedge or a probe
    never waits: it takes a free place, or is not sent. A rejected call raises `BulkheadFullError`, and no
    circuit counts it.

    Attributes:
        places: The places by key: how many are taken, and how many calls of which tenants wait.
    """

    @layer_remedies.suggested
    def __init__(
        self,
        limit: int,
        per_tenant: int | None = None,
        queue: int = 10_000,
        max_wait: float | None = 10.0,
        weight: Callable[[str], float] | None = None,
        priority: Callable[[Call], int] | None = None,
        key: Callable[[Call], Hashable] | None = None,
    ) -> None:
        self.limit = validation.count("Bulkhead(limit)", limit, least=1)
        self._key = plain("Bulkhead(key)", key, "call")
        super().__init__(per_tenant, queue, max_wait, weight, priority)

    def key_of(self, call: Call) -> Hashable:
        """The key by which the places of `call` are counted."""
        return identity.server(call) if self._key is None else ask_key("Bulkhead(key)", self._key, call)

    def name_of(self, key: Hashable) -> str:
        """The provider's name, or a digest of another key."""
        return str(key) if self._key is None else f"{hash(key) & 0xFFFFFFFF:08x}"

    def limit_of(self, key: Hashable) -> int:
        """`limit`, for every key."""
        return self.limit

    def __repr__(self) -> str:
        return self._describe(
            limit=self.limit,
            **({} if self.per_tenant is None else {"per_tenant": self.per_tenant}),
            queue=self.queue,
            max_wait=self.max_wait,
        )
