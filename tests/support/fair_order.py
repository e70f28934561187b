"""Fair order in the plainest words: a model that looks at everybody each time it chooses."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies

from ranvier.pipeline.queueing.virtual_time import LEAST

AGEING = 4.0
NAMES = strategies.sampled_from("abcde")
WEIGHTS = {"a": 1.0, "b": 1.0, "c": 2.0, "d": 0.5, "e": 4.0}  # exact in binary: ties are ties


@dataclass(eq=False)
class Asked:
    """One call, as the model knows it."""

    item: int
    tenant: str
    priority: int = 0
    cost: float = 1.0
    since: float = 0.0
    charged: float | None = None
    first: bool = False  # it has waited before
    passed: bool = False  # what it was charged does not put its tenant behind others any more


class Model:
    """Looks at everybody each time it chooses."""

    def __init__(self, limit: int, per_tenant: int | None, capacity: int) -> None:
        self.limit, self.per_tenant, self.capacity = limit, per_tenant, capacity
        self.queue: list[Asked] = []
        self.served: list[Asked] = []
        self.counters: dict[str, float] = {}
        self.turns: dict[str, int] = {}
        self.number = 0
        self.virtual = 0.0

    def out(self, tenant: str) -> int:
        return sum(each.tenant == tenant for each in self.served)

    def capped(self, tenant: str) -> bool:
        return self.per_tenant is not None and self.out(tenant) >= self.per_tenant

    def admits(self, tenant: str) -> bool:
        someone = any(not self.capped(each.tenant) for each in self.queue)
        return len(self.served) < self.limit and not someone and not self.capped(tenant)

    def know(self, tenant: str) -> None:
        if tenant not in self.turns:
            self.number += 1
            self.turns[tenant] = self.number
            self.counters[tenant] = self.virtual

    def forget(self) -> None:
        if not self.queue:
            self.virtual = max([self.virtual, *self.counters.values()])
        for tenant in list(self.turns):
            tracked = any(
                each.tenant == tenant and (self.per_tenant is not None or each.charged is not None)
                for each in self.served
            )
            waits = any(each.tenant == tenant for each in self.queue)
            if not waits and not tracked and self.counters[tenant] <= self.virtual:
                del self.turns[tenant]

    def urgency(self, call: Asked, now: float) -> int:
        return max(0, call.priority - int((now - call.since) / AGEING))

    def next(self, now: float) -> Asked | None:
        heads: dict[tuple[str, int], Asked] = {}
        for each in self.queue:
            heads.setdefault((each.tenant, each.priority), each)
        free = [each for each in heads.values() if not self.capped(each.tenant)]
        return min(
            free,
            key=lambda each: (
                self.urgency(each, now),
                self.counters[each.tenant],
                self.turns[each.tenant],
                each.priority,
            ),
            default=None,
        )

    def advance(self, now: float) -> list[int]:
        told = []
        while len(self.served) < self.limit and (call := self.next(now)) is not None:
            self.queue.remove(call)
            counter = self.counters[call.tenant]
            if counter <= self.virtual:
                for each in self.served:
                    each.passed = each.passed or each.tenant == call.tenant
            self.virtual = max(self.virtual, counter)
            call.charged = call.cost / WEIGHTS[call.tenant]
            self.counters[call.tenant] = self.virtual + call.charged
            self.number += 1
            self.turns[call.tenant] = self.number
            self.served.append(call)
            told.append(call.item)
        self.forget()
        return told

    def settle(self, call: Asked, cost: float | None) -> None:
        self.served.remove(call)
        if cost is not None and call.charged is not None:
            charge = max(cost / WEIGHTS[call.tenant], LEAST * call.charged)
            if charge > call.charged or not call.passed:
                corrected = self.counters[call.tenant] + charge - call.charged
                self.counters[call.tenant] = max(corrected, self.virtual)
        self.forget()

    def wait(self, call: Asked, removed: int | None) -> None:
        """Queue a call, and remove that one, if any: there is one if and only if there are too many."""
        self.know(call.tenant)
        line = [each for each in self.queue if (each.tenant, each.priority) == (call.tenant, call.priority)]
        behind = [each for each in line if call.first and not each.first]
        self.queue.insert(self.queue.index(behind[0]) if behind else len(self.queue), call)
        assert (removed is not None) == (len(self.queue) > self.capacity)
        if removed is not None:
            gone = next(each for each in self.queue if each.item == removed)
            self.check_removed(gone, call.tenant)
            self.queue.remove(gone)
            self.forget()

    def check_removed(self, gone: Asked, newcomer: str) -> None:
        """The newest call of the tenant with most waiting calls, by weight; of the newcomer in a tie."""
        most = max(self.crowding(each) for each in WEIGHTS)
        assert self.crowding(gone.tenant) == most
        if self.crowding(newcomer) == most:
            assert gone.tenant == newcomer
        own = [each for each in self.queue if each.tenant == gone.tenant]
        last = max(each.priority for each in own)
        assert gone is [each for each in own if each.priority == last][-1]

    def crowding(self, tenant: str) -> float:
        return sum(each.tenant == tenant for each in self.queue) / WEIGHTS[tenant]
