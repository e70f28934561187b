"""Two workers, one circuit and a store, with everything that can go wrong between them, one step at a time.

A world is copied before each step, so that all that can happen next is tried from each. The workers are
models: they do with a reply or a push what a worker has to, and send whatever its state allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ranvier.facts.circuit import CLOSED, HALF_OPEN, OPEN
from ranvier.store.commands import Command
from ranvier.store.commands.circuits import (
    Alarm,
    Beat,
    CircuitKey,
    CircuitReply,
    CircuitView,
    Count,
    Probe,
    Prove,
    Release,
    Rules,
    TenantCount,
)
from ranvier.store.commands.workers import Look, LookReply
from ranvier.store.engine.circuit import Circuit
from ranvier.store.engine.engine import Engine

KEY = CircuitKey("openai", "gpt", False)
RULES = Rules(votes=2, share=0.5, cooldown=2_000, max_cooldown=4_000, max_probes=1)
SECOND = 1_000_000

T = TypeVar("T")


@dataclass
class Worker:
    """What one worker knows, and what is on its way to and from it.

    Attributes:
        known: The latest view it has applied; `None` before it has looked.
        lease: The probe it was granted, with its generation, until that ends.
        asks: The number of the probe it waits for; 0 if it waits no more.
        sent, reply: Its command on the way, or the answer to it.
        pushes: Changes on the way.
    """

    name: str
    known: CircuitView | None = None
    lease: tuple[int, int] | None = None
    asks: int = 0
    number: int = 0
    sent: Command | None = None
    reply: CircuitReply | None = None
    pushes: tuple[CircuitView, ...] = ()
    alive: bool = True
    connected: bool = True

    def apply(self, view: CircuitView) -> None:
        """Learn how the circuit is, unless something later is known."""
        known = self.known
        if known is None or (view.generation, view.step) >= (known.generation, known.step):
            self.known = view
            if self.lease and self.lease[1] != view.generation:
                self.lease = None

    def may_send(self) -> Iterator[Command]:
        """What it might say now."""
        view = self.known
        if view is None or self.asks:
            return
        if self.lease:
            number, generation = self.lease
            yield Beat(KEY, self.name, number, generation)
            yield Prove(KEY, self.name, generation, number, False)
            yield Release(KEY, self.name, number, generation, True)
        elif view.state in (OPEN, HALF_OPEN):
            yield Probe(KEY, self.name, self.number + 1, 60_000, RULES, 0)
        elif view.alarmed:
            counts = (TenantCount(f"{ord(self.name):032x}", 0, 1),)
            yield Count(KEY, self.name, view.generation, view.half, counts, RULES, 0)
        elif view.state is CLOSED:
            yield Alarm(KEY, self.name, view.generation)

    def take(self, command: Command, reply: CircuitReply) -> None:
        """The reply arrives."""
        self.apply(reply.circuit)
        if isinstance(command, Probe) and reply.accepted:
            if self.asks == command.number:
                self.lease = command.number, reply.circuit.generation
            else:  # its caller has gone on: give it back
                self.sent = Release(KEY, self.name, command.number, reply.circuit.generation, False)
        if isinstance(command, (Prove, Release)) or (isinstance(command, Beat) and not reply.accepted):
            self.lease = None
        self.asks = 0


@dataclass
class World:
    """Everything at one moment.

    Attributes:
        us: The server's time.
        lagging: A replica that has not heard of anything since the beginning.
        newest: The largest generation of the circuit on this server.
        replaced: The server is another one than in the beginning.
        granted: When the last probe was granted, in which generation, and after how long another may be.
        trail: What has happened, for a failure.
    """

    engine: Engine
    lagging: Engine
    workers: tuple[Worker, ...]
    us: int = 1_000 * SECOND
    newest: int = 0
    replaced: bool = False
    granted: tuple[int, int, int] | None = None
    trail: tuple[str, ...] = field(default=(), compare=False)

    def copied(self) -> World:
        """The same world, to do something else with it."""
        world = twin(self)
        world.engine = copied(self.engine)
        world.workers = tuple(map(twin, self.workers))
        return world

    def state(self) -> Any:
        """What makes it another world than one that was seen."""
        return (
            _frozen(self.engine),
            self.us,
            self.granted,
            self.replaced,
            *(tuple(vars(each).values()) for each in self.workers),
        )

    # --- what happens ----------------------------------------------------------------------------

    def execute(self, command: Command) -> CircuitReply:
        """The server carries out a command, under the eyes of `rules`."""
        from support.store.laws import check_executed

        record = self.engine.circuits.records.get(KEY, self.us // 1000)
        before = record and copied_circuit(record)
        reply, changes = self.engine.execute(command, self.us)
        assert isinstance(reply, CircuitReply)
        check_executed(self, before, command, reply)
        views = [each for each in changes if isinstance(each, CircuitView)]
        for worker in self.workers:
            worker.pushes = (*worker.pushes, *views)[-2:]
        return reply

    def look(self, worker: Worker) -> None:
        """A worker asks how everything is, as it does when it connects and once a second."""
        looked, _ = self.engine.execute(Look(0, (KEY,)), self.us)
        assert isinstance(looked, LookReply)
        for change in looked.changes:
            assert isinstance(change, CircuitView)
            worker.apply(change)

    def connect(self, worker: Worker) -> None:
        """A worker connects to another server than before: only that one's word counts."""
        worker.connected = True
        worker.known = worker.lease = None
        self.look(worker)

    def replace(self, engine: Engine) -> None:
        """Another server takes over, whose clock is behind; what was on the way is lost."""
        self.engine = copied(engine)
        self.replaced = True
        self.us -= 2 * SECOND
        record = engine.circuits.records.get(KEY, self.us // 1000)
        self.newest = record.generation if record else 0
        self.granted = None
        for worker in self.workers:
            worker.connected = False
            worker.sent = worker.reply = None
            worker.asks = 0
            worker.pushes = ()


def twin(thing: T) -> T:
    """A shallow copy, made faster than by `copy`."""
    other = object.__new__(type(thing))
    other.__dict__.update(thing.__dict__)
    return other


def copied(engine: Engine) -> Engine:
    """An engine with a circuit of its own."""
    other = twin(engine)
    other.troubles = twin(engine.troubles)
    other.troubles._changed = dict(engine.troubles._changed)
    other.circuits = twin(engine.circuits)
    other.circuits._troubles = other.troubles
    other.circuits.records = twin(engine.circuits.records)
    kept = engine.circuits.records._kept.items()
    other.circuits.records._kept = {key: (ends, copied_circuit(each)) for key, (ends, each) in kept}
    return other


def copied_circuit(circuit: Circuit) -> Circuit:
    """A circuit with leases and votes of its own."""
    other = twin(circuit)
    other.leases = dict(circuit.leases)
    other.votes = twin(circuit.votes)
    other.votes.now, other.votes.past = dict(circuit.votes.now), dict(circuit.votes.past)
    return other


def _frozen(engine: Engine) -> Any:
    record = engine.circuits.records._kept.get(KEY)
    if record is None:
        return engine.troubles.version
    circuit = record[1]
    parts = *vars(circuit).values(), *vars(circuit.votes).values()
    plain = (each if not isinstance(each, dict) else tuple(each.items()) for each in parts)
    return engine.troubles.version, *(each for each in plain if each is not circuit.votes)
