"""The fair queue, against a model of it in the plainest words; its bounds, and its memory."""

import gc
import math
import tracemalloc
from itertools import pairwise
from random import Random

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ranvier.pipeline.queueing.fair_queue import FairQueue
from ranvier.pipeline.queueing.tenants import Entry
from ranvier.pipeline.queueing.virtual_time import LEAST
from support.fair_order import AGEING, NAMES, WEIGHTS, Asked, Model


class FairQueueMachine(RuleBasedStateMachine):
    """Does the same to a queue and to its model, and compares them after every step."""

    limit = 3
    per_tenant: int | None = None
    capacity = 8

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.queue: FairQueue[int] = FairQueue(self.limit, self.per_tenant, self.capacity, AGEING)
        self.model = Model(self.limit, self.per_tenant, self.capacity)
        self.entries: dict[int, Entry[int]] = {}
        self.names = iter(range(10**9))

    def step(self) -> None:
        assert [each.item for each in self.queue.advance(self.now)] == self.model.advance(self.now)

    @rule(
        tenant=NAMES,
        number=strategies.integers(1, 6),
        priority=strategies.sampled_from([0, 0, 0, 1, 2]),
        cost=strategies.sampled_from([1.0, 1.0, 4.0]),
        first=strategies.booleans(),
    )
    def arrive(self, tenant: str, number: int, priority: int, cost: float, first: bool) -> None:
        for call in [
            Asked(next(self.names), tenant, priority, cost, self.now, first=first) for _ in range(number)
        ]:
            entry = self.queue.try_pass(call.item, tenant)
            assert (entry is not None) == self.model.admits(tenant)
            if entry is not None:
                if self.per_tenant is not None:
                    self.model.know(tenant)
                self.model.served.append(call)
                self.entries[call.item] = entry
            else:
                self.enqueue(call)
            self.step()

    @rule()
    def set_the_same_rules(self) -> None:
        self.queue.cap(self.per_tenant, self.now)
        self.step()

    def enqueue(self, call: Asked) -> None:
        self.entries[call.item], removed = self.queue.wait(
            call.item,
            call.tenant,
            self.now,
            weight=WEIGHTS[call.tenant],
            priority=call.priority,
            cost=call.cost,
            first=call.first,
        )
        self.model.wait(call, None if removed is None else removed.item)

    @rule(
        pick=strategies.randoms(use_true_random=False), cost=strategies.sampled_from([None, 0.0, 0.5, 1, 9])
    )
    def end(self, pick: Random, cost: float | None) -> None:
        if self.model.served:
            call = pick.choice(self.model.served)
            self.queue.leave(self.entries[call.item], self.now, cost)
            self.model.settle(call, cost)
            self.queue.leave(self.entries.pop(call.item), self.now, cost)  # only the first counts
            self.step()

    @rule(pick=strategies.randoms(use_true_random=False))
    def give_up(self, pick: Random) -> None:
        if self.model.queue:
            call = pick.choice(self.model.queue)
            self.queue.leave(self.entries.pop(call.item), self.now)
            self.model.queue.remove(call)
            self.model.forget()
            self.step()

    @rule(seconds=strategies.sampled_from([1.0, 2.0, 4.0, 16.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds
        self.step()

    @rule(limit=strategies.integers(1, 5))
    def change_limit(self, limit: int) -> None:
        self.queue.limit = self.model.limit = limit
        self.step()

    @invariant()
    def agree(self) -> None:
        assert self.queue.waiting == len(self.model.queue) <= self.capacity
        assert self.queue.in_flight == len(self.model.served)
        assert {name for name, _, _ in self.queue} == set(self.model.turns)
        assert all(self.queue.admits(name) == self.model.admits(name) for name in WEIGHTS)

    @invariant()
    def conserve_work(self) -> None:
        """No place is free while anyone waits who may have it."""
        free = len(self.model.served) < self.model.limit
        assert not (free and any(not self.model.capped(each.tenant) for each in self.model.queue))

    @invariant()
    def save_up_nothing(self) -> None:
        """Who neither waits nor is served is known only while it is ahead of others that wait."""
        for name, waiting, in_flight in self.queue:
            if not waiting and not in_flight:
                assert self.model.queue
                assert self.model.counters[name] > self.model.virtual


class CappedMachine(FairQueueMachine):
    """With a cap for each tenant."""

    per_tenant = 2


TestFairQueue = FairQueueMachine.TestCase
TestCappedFairQueue = CappedMachine.TestCase
TestFairQueue.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestCappedFairQueue.settings = TestFairQueue.settings


@pytest.mark.parametrize("seed", range(8))
def test_a_head_is_passed_a_bounded_number_of_times(seed: int) -> None:
    """At most ceil(weight ratio) times by each other tenant, whatever the others do."""
    rng = Random(seed)
    weights = {name: rng.choice([0.5, 1.0, 2.0, 8.0]) for name in "abcdefgh"}
    queue: FairQueue[tuple[str, int]] = FairQueue(4, capacity=10**6)
    served: list[Entry[tuple[str, int]]] = []
    waiting: dict[str, list[int]] = {name: [] for name in weights}
    passed: dict[str, dict[str, int]] = {name: {} for name in weights}
    for number in range(20_000):
        name = rng.choice("aaaabbcdefgh")
        if rng.random() < 0.55:
            entry = queue.try_pass((name, number), name)
            if entry is not None:
                served.append(entry)
            else:
                queue.wait((name, number), name, 0.0, weight=weights[name])
                waiting[name].append(number)
        elif served:
            queue.leave(served.pop(rng.randrange(len(served))), 0.0)
        for entry in queue.advance(0.0):
            owner = entry.item[0]
            assert waiting[owner].pop(0) == entry.item[1]
            passed[owner] = {}
            served.append(entry)
            for other, calls in waiting.items():
                if calls and other != owner:
                    passed[other][owner] = passed[other].get(owner, 0) + 1
                    assert passed[other][owner] <= math.ceil(weights[owner] / weights[other])


def test_calls_that_cost_nothing_do_not_stay_the_first() -> None:
    """A tenant whose calls all fail without usage passes another one a bounded number of times."""
    queue: FairQueue[str] = FairQueue(1)
    entry = queue.try_pass("first", "quiet")
    for _ in range(2):
        queue.wait("quiet", "quiet", 0.0)
        for _ in range(100):
            queue.wait("failing", "failing", 0.0)
    order = []
    while entry is not None:
        queue.leave(entry, 0.0, 0.0 if entry.item == "failing" else 1.0)
        entry = next(iter(queue.advance(0.0)), None)
        order.append(entry and entry.item)
    second = order.index("quiet", order.index("quiet") + 1)
    assert second <= 1 + 1 / LEAST + 1


def test_an_idle_tenant_saves_up_nothing() -> None:
    """After any time without calls, a tenant is served in turn with the others."""
    queue: FairQueue[str] = FairQueue(1)
    entry = queue.try_pass("busy", "busy")
    assert entry is not None
    for _ in range(1000):
        queue.wait("busy", "busy", 0.0)
    for _ in range(500):
        queue.leave(entry, 0.0)
        (entry,) = queue.advance(0.0)
    for _ in range(10):
        queue.wait("idle", "idle", 0.0)
    order = []
    for _ in range(20):
        queue.leave(entry, 0.0)
        (entry,) = queue.advance(0.0)
        order.append(entry.item)
    assert order.count("idle") == 10
    assert all(one != other for one, other in pairwise(order))


def test_new_settings_leave_idle_tenants_that_are_ahead_alone() -> None:
    """They are in another ranking than those that wait, and are forgotten when nobody waits any more."""
    queue: FairQueue[str] = FairQueue(1)
    place = queue.try_pass("first", "quiet")
    assert place is not None
    entries = {name: queue.wait(name, name, 0.0, cost=100.0)[0] for name in ("served", "one", "two")}
    queue.leave(place, 0.0)
    assert [each.item for each in queue.advance(0.0)] == ["served"]
    queue.leave(entries["served"], 0.0, 100.0)
    before = queue.ahead_of("new", 1.0)
    for _ in range(3):
        queue.cap(None, 0.0)
        assert queue.ahead_of("new", 1.0) == before == 2
    for name in ("one", "two"):
        assert [each.item for each in queue.advance(0.0)] == [name]
        queue.leave(entries[name], 0.0, 100.0)
    assert list(queue) == []


def test_what_was_charged_for_a_passed_call_is_not_returned() -> None:
    """An old call that cost less than expected is no credit after its tenant was idle."""
    queue: FairQueue[str] = FairQueue(2)
    for name in ("one", "two"):
        queue.try_pass(name, name)
    (blocking, _), (old, _) = (queue.wait(name, name, 0.0, cost=10.0) for name in ("busy", "idle"))
    queue.limit = 4
    queue.advance(0.0)
    for _ in range(50):
        queue.wait("busy", "busy", 0.0)
    for _ in range(40):
        queue.leave(blocking, 0.0)
        (blocking,) = queue.advance(0.0)
    for _ in range(5):
        queue.wait("idle", "idle", 0.0, cost=10.0)
    queue.leave(blocking, 0.0)
    (blocking,) = queue.advance(0.0)
    assert blocking.item == "idle"
    queue.limit = 3
    queue.leave(old, 0.0, 0.0)
    order = []
    for _ in range(10):
        queue.leave(blocking, 0.0)
        (blocking,) = queue.advance(0.0)
        order.append(blocking.item)
    assert order[:9] == ["busy"] * 9


def test_active_tenants_take_little_memory_and_idle_ones_none() -> None:
    """At most 400 bytes for each tenant that waits, without its calls."""
    names = [f"tenant-{number}" for number in range(10_000)]
    queue: FairQueue[int] = FairQueue(1, per_tenant=5, capacity=10**6)
    queue.try_pass(0, names[0])

    def grown() -> int:
        gc.collect()
        tracemalloc.start()
        for name in names:
            queue.wait(0, name, 1.0)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    first, calls = grown(), grown()
    assert (first - calls) / len(names) <= 400, (first - calls) / len(names)
    queue.limit = 10**6
    queue.advance(1.0)
    assert len(list(queue)) == len(names)
