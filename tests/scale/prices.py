"""What a command costs a real server, in seconds of its processor, and what the data take there.

The figures are of the server's own processor time, so that it does not matter what else runs on the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from ranvier.store import ValkeyStore
from ranvier.store.commands import Command
from ranvier.store.commands.circuits import Alarm, CircuitReply, Count, Isolate, Probe, Reset, TenantCount
from ranvier.store.commands.tenants import TenantFailed, TenantKey, TenantOpened
from ranvier.store.commands.workers import Heartbeat, Look
from ranvier.store.protocol import Session, Worker
from scale.meter import Phase
from scale.model_worker import ABOUT, GAUGES, RULES, SUMS, TARGET
from support.valkey.server import ValkeyServer

TIMES = 1000
"""How often a command is carried out for its price, each in a round trip of its own."""

ROUNDS = 10
SUBSCRIBERS = 100
ENTRIES = 50
LIKE_PROBE = ("Beat", "Release")
"""Commands that are about as dear as a refused probe, and rare."""


@dataclass
class Prices:
    """What things cost.

    Attributes:
        seconds: Of the processor, by command; `Heartbeat` includes the `Look` with it, `TenantCount` is
            each further entry of a `Count`, and `push` is one change at one worker.
        memory: Bytes, by what takes them.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    def of(self, phase: Phase) -> float:
        """The share of one processor that a phase takes."""
        said = {kind: rate * self._price(kind) for kind, rate in phase.kinds.items()}
        return sum(said.values()) + phase.pushes * self.seconds["push"]

    def _price(self, kind: str) -> float:
        return 0.0 if kind == "Look" else self.seconds["Probe" if kind in LIKE_PROBE else kind]


class Pricing:
    """Finds out the prices on one server."""

    def __init__(self, server: ValkeyServer, workers: int) -> None:
        self._server = server
        self._workers = workers
        self._store = ValkeyStore(server.url, prefix="scale", secret="of the model", timeout=30)
        self._prices = Prices()

    async def find(self) -> Prices:
        """All of them."""
        async with AsyncExitStack() as stack:
            session = await self._connected(stack, 0)
            await self._workers_and_tenants(session)
            await self._outage(session)
            await self._pushes(session, stack)
        return self._prices

    async def _connected(self, stack: AsyncExitStack, number: int) -> Session:
        session = await self._store.connect(Worker(f"{number:032x}", "model", 1, "1"), lambda change: None)
        stack.push_async_callback(session.aclose)
        return session

    async def _workers_and_tenants(self, session: Session) -> None:
        """As many workers as there are beat; tenants fail, and some of their circuits open."""

        def beat(number: int) -> list[Command]:
            sums = {name: number * each for name, each in SUMS.items()}
            return [Heartbeat(f"{number % self._workers:032x}", ABOUT, sums, GAUGES), Look()]

        def failed(number: int) -> list[Command]:
            return [TenantFailed(TenantKey(self._tenant(number), "openai"), "0")]

        def opened(number: int) -> list[Command]:
            return [TenantOpened(TenantKey(self._tenant(number), "openai"), "0", 600_000)]

        await self._remember("worker", self._workers, session, beat)
        await self._price("Heartbeat", session, beat)
        await self._price("TenantFailed", session, failed)
        await self._remember("open circuit of a tenant", 10_000, session, opened)

    async def _outage(self, session: Session) -> None:
        """Workers report counts of many tenants, then ask for probes."""
        reply = (await session.execute([Alarm(TARGET, "0", 0)]))[0]
        assert isinstance(reply, CircuitReply)
        generation, half = reply.circuit.generation, reply.circuit.half
        never = RULES._replace(votes=1_000_000)  # so that it stays closed

        def count(entries: int) -> Callable[[int], list[Command]]:
            def made(number: int) -> list[Command]:
                voters = range(number * entries, (number + 1) * entries)
                counts = tuple(TenantCount(self._tenant(each % 1000), 0, 1 + number) for each in voters)
                return [Count(TARGET, f"{number % 50}", generation, half, counts, never, 150)]

            return made

        await self._price("Alarm", session, lambda number: [Alarm(TARGET, "0", generation)])
        await self._price("Count", session, count(1))
        many = await self._spent(session, count(ENTRIES), TIMES // 10)
        self._prices.seconds["TenantCount"] = (many - self._prices.seconds["Count"]) / (ENTRIES - 1)
        await session.execute([Isolate(TARGET, "0")])
        await self._price("Probe", session, lambda number: [Probe(TARGET, "0", 1, 1000, RULES, 150)])

    async def _pushes(self, session: Session, stack: AsyncExitStack) -> None:
        """What each further worker costs that a change is pushed to."""

        def change(number: int) -> list[Command]:
            return [Reset(TARGET, "0") if number % 2 else Isolate(TARGET, "0")]

        alone = await self._spent(session, change, TIMES // 5)
        for number in range(SUBSCRIBERS):
            await self._connected(stack, number + 1)
        heard = await self._spent(session, change, TIMES // 5)
        self._prices.seconds["push"] = (heard - alone) / SUBSCRIBERS

    # --- measuring -------------------------------------------------------------------------------

    async def _price(self, kind: str, session: Session, made: Callable[[int], Sequence[Command]]) -> None:
        self._prices.seconds[kind] = await self._spent(session, made, TIMES)

    async def _spent(self, session: Session, made: Callable[[int], Sequence[Command]], times: int) -> float:
        """Seconds of the server's processor for one round trip: in the best of some rounds.

        What else the machine does makes a processor slower, and never faster.
        """
        rounds = []
        for first in range(0, times, times // ROUNDS):
            before = await self._processor()
            for number in range(first, first + times // ROUNDS):
                await session.execute(made(number))
            rounds.append((await self._processor() - before) / (times // ROUNDS))
        return min(rounds)

    async def _remember(
        self, what: str, times: int, session: Session, made: Callable[[int], Sequence[Command]]
    ) -> None:
        """Bytes that the server keeps for each."""
        before = await self._memory()
        for number in range(times):
            await session.execute(made(number))
        self._prices.memory[what] = (await self._memory() - before) / times

    async def _processor(self) -> float:
        info = await asyncio.to_thread(self._server.about, "cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    async def _memory(self) -> int:
        return int((await asyncio.to_thread(self._server.about, "memory"))["used_memory"])

    def _tenant(self, number: int) -> str:
        return self._store.digest(f"tenant-{number}")
