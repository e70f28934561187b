"""A worker without a pipeline: it says what a pipeline would say, and makes no calls.

It says what `ranvier.fleet` says: a heartbeat and a look each second; of an outage an alarm, the first
failure of each tenant, the counts of both halves of those in the sample, and a question for a probe when due.
Entries leave after 5 ms, in batches of at most 256, one batch at a time.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ranvier import clock
from ranvier.asgi.status.recent.numbers import ALL, SERIES, Recent
from ranvier.asgi.status.recent.text import written
from ranvier.asgi.status.windows import STEPS
from ranvier.facts.circuit import CLOSED
from ranvier.store.commands import Change, Command, Reply
from ranvier.store.commands.circuits import (
    Alarm,
    Beat,
    CircuitKey,
    CircuitReply,
    CircuitView,
    Count,
    Probe,
    Release,
    Rules,
    TenantCount,
)
from ranvier.store.commands.tenants import TenantFailed, TenantKey
from ranvier.store.commands.workers import RECENT, Alive, Heartbeat, Look, LookReply
from ranvier.store.errors import StoreError
from ranvier.store.protocol import Session, Store, Worker
from scale.meter import Meter

Counts = dict[str, list[int]]
"""Contents and failures, by tenant."""

TARGET = CircuitKey("openai", "gpt-5.2", False)
RULES = Rules()
SUMS = {f"calls{{provider=openai,number={number}}}": number for number in range(20)}
"""Counters that a busy worker changes within a second."""

GAUGES = {f"in_flight{{target={number}}}": number for number in range(5)}
BUSY = Recent(
    rate=5.0,
    outcomes=Counter(succeeded=296, overloaded=4),
    happened=Counter(running=5, retries=4),
    circuits=Counter(closed=1000),
    succeeded=[5] * SERIES,
    failed=[0] * (SERIES - 4) + [1] * 4,
    seconds=[0] * 40 + [15] * 20 + [0] * (len(STEPS) - 59),
    first_token=[0] * 30 + [15] * 20 + [0] * (len(STEPS) - 49),
)
ABOUT = {
    "host": "model-host-01",
    "pid": "12345",
    "version": "0.1.0",
    RECENT: written({ALL: BUSY, "openai": BUSY, "anthropic": BUSY}),
}
"""What a busy worker of two providers says about itself."""

HALF = 5.0
BATCH, BATCH_AFTER = 256, 0.005
LEASE = 20_000
PROBE_TAKES = 1.0
"""Seconds until a probe fails."""


@dataclass(frozen=True)
class Load:
    """What the workers serve.

    Attributes:
        digests: The names of all tenants in the store.
        calls: Calls a second at each worker, each of a tenant at random.
    """

    digests: Sequence[str]
    calls: float


class ModelWorker:
    """One of them.

    Args:
        number: Which one.
        load: What it serves.
        meter: Where all of them count.
        outage: Set while calls at the target fail.
    """

    def __init__(self, number: int, load: Load, meter: Meter, outage: asyncio.Event) -> None:
        self._me = Worker(f"{number:032x}", "model", number, "model")
        self._load = load
        self._meter = meter
        self._outage = outage
        self._rng = random.Random(number)
        self._probes = 0
        self._workers = 1  # that live, as far as known
        self._halves: list[Counts] = [{}, {}]  # the current one, and the one before
        self._turned_at = 0.0
        self._forget()

    def _forget(self) -> None:
        """Know nothing of the target, as after a restart of the store."""
        self._view: CircuitView | None = None
        self._next_probe = 0.0
        self._changed: dict[tuple[int, str], None] = {}  # halves ago, tenants: counts that are to be sent
        self._said: list[Command] = []
        self._waiting = asyncio.Event()
        self._looked = 0
        self._probing = False

    # --- connecting ------------------------------------------------------------------------------

    async def run(self, store: Store) -> None:
        """Connect, again after each failure, and say what is to be said."""
        while True:
            await asyncio.sleep(self._rng.random())  # because: a rejoin is spread over a second
            session = await store.connect(self._me, self._receive)
            self._meter.connected += 1
            try:
                async with asyncio.TaskGroup() as group:
                    for does in (self._beat, self._call, self._flush):
                        group.create_task(does(session))
            except* StoreError:
                pass  # because: the store was restarted
            finally:
                self._meter.connected -= 1
                await session.aclose()
            self._forget()

    async def _execute(self, session: Session, commands: list[Command]) -> None:
        self._meter.commands.update(type(each).__name__ for each in commands)
        entries = sum(len(each.counts) - 1 for each in commands if isinstance(each, Count))
        if entries:
            self._meter.commands["TenantCount"] += entries
        replies = await session.execute(commands)
        self._meter.batches += 1
        for command, reply in zip(commands, replies, strict=True):
            self._hear(reply)
            if isinstance(command, Probe):
                self._hear_probe(reply)

    # --- every second ----------------------------------------------------------------------------

    async def _beat(self, session: Session) -> None:
        while True:
            known = (TARGET,) if self._view and self._view.state is not CLOSED else ()
            heartbeat = Heartbeat(self._me.id, ABOUT, SUMS, GAUGES)
            await self._execute(session, [heartbeat, Look(self._looked, known)])
            await asyncio.sleep(self._rng.uniform(0.8, 1.2))

    # --- calls -----------------------------------------------------------------------------------

    async def _call(self, session: Session) -> None:
        while True:
            await asyncio.sleep(self._rng.expovariate(self._load.calls))
            if clock.now() - self._turned_at > HALF and not (self._view and self._view.alarmed):
                self._turn()
            if self._view is None or self._view.state is CLOSED:
                self._ended(self._rng.choice(self._load.digests), failed=self._outage.is_set())
            elif clock.now() >= self._next_probe and not self._probing:
                self._probing = True
                self._probes += 1
                jitter = self._rng.randrange(100, 200)
                self._say(Probe(TARGET, self._me.id, self._probes, LEASE, RULES, jitter))

    def _ended(self, tenant: str, *, failed: bool) -> None:
        """A call of `tenant` has ended."""
        counted = self._halves[0].setdefault(tenant, [0, 0])
        counted[failed] += 1
        alarmed = self._view is not None and self._view.alarmed
        if failed and counted[1] == 1:
            self._say(TenantFailed(TenantKey(tenant, "openai"), self._me.id))
        if failed and not alarmed:
            voters = self._workers * len({**self._halves[0], **self._halves[1]})
            self._say(Alarm(TARGET, self._me.id, self._view.generation if self._view else 0, voters))
        if alarmed:
            self._report(0, tenant)

    def _turn(self) -> None:
        """Begin another half."""
        self._halves = [{}, self._halves[0]]
        self._turned_at = clock.now()
        self._changed = {(1, tenant): None for ago, tenant in self._changed if not ago}

    def _report(self, ago: int, tenant: str) -> None:
        """Send what was counted of a tenant, if it votes."""
        if self._view is not None and int(tenant[-8:], 16) % self._view.sample == 0:
            self._changed[ago, tenant] = None
            self._waiting.set()

    def _say(self, command: Command) -> None:
        self._said.append(command)
        self._waiting.set()

    async def _flush(self, session: Session) -> None:
        """Send what is to be said, a moment after the first of it."""
        while True:
            await self._waiting.wait()
            await asyncio.sleep(BATCH_AFTER)
            self._waiting.clear()
            batch, self._said = self._said[:BATCH], self._said[BATCH:]
            if batch or self._changed:
                await self._execute(session, batch + self._counts())
            if self._said or self._changed:
                self._waiting.set()

    def _counts(self) -> list[Command]:
        """The counts that have changed, a command for each half."""
        view, chosen = self._view, list(self._changed)[:BATCH]
        for each in chosen:
            del self._changed[each]
        if view is None or not view.alarmed:
            return []
        by_half: dict[int, list[TenantCount]] = {}
        for ago, tenant in chosen:
            by_half.setdefault(ago, []).append(TenantCount(tenant, *self._halves[ago].get(tenant, (0, 0))))
        return [
            Count(TARGET, self._me.id, view.generation, view.half - ago, tuple(counts), RULES, 150)
            for ago, counts in by_half.items()
        ]

    # --- hearing ---------------------------------------------------------------------------------

    def _receive(self, change: Change) -> None:
        self._meter.pushes += 1
        if isinstance(change, CircuitView):
            self._see(change)

    def _hear(self, reply: Reply) -> None:
        if isinstance(reply, Alive):
            self._workers = reply.workers
        elif isinstance(reply, LookReply):
            self._looked = reply.version
            for each in reply.changes:
                if isinstance(each, CircuitView):
                    self._see(each)
        elif isinstance(reply, CircuitReply):
            self._see(reply.circuit)

    def _hear_probe(self, reply: Reply) -> None:
        """Beat for a probe that was granted, until it fails."""
        assert isinstance(reply, CircuitReply)
        if not reply.accepted:
            self._probing = False
            return
        loop, number, generation = asyncio.get_running_loop(), self._probes, reply.circuit.generation
        beat = Beat(TARGET, self._me.id, number, generation)
        loop.call_later(PROBE_TAKES / 2, self._say, beat)
        loop.call_later(PROBE_TAKES, self._release, Release(TARGET, self._me.id, number, generation, True))

    def _release(self, said: Release) -> None:
        self._probing = False
        self._say(said)

    def _see(self, view: CircuitView) -> None:
        """The circuit, as the store knows it."""
        before = self._view
        if before is not None and (view.generation, view.step) < (before.generation, before.step):
            return
        self._view = view
        self._next_probe = clock.now() + (view.retry_after or 0) / 1000
        if view.alarmed and (before is None or not before.alarmed or view.sample < before.sample):
            for ago, half in enumerate(self._halves):
                for tenant in half:
                    self._report(ago, tenant)
        elif view.alarmed and before is not None and view.half > before.half:
            self._turn()
