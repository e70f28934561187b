"""What must hold in every world, whatever got lost on the way."""

from __future__ import annotations

from ranvier.facts.circuit import CLOSED, OPEN
from ranvier.store.commands import Command
from ranvier.store.commands.circuits import CircuitReply, Probe, Prove, Release
from ranvier.store.engine.circuit import Circuit, cooldown
from ranvier.store.engine.engine import Engine
from support.store.worlds import KEY, RULES, World, twin


def record_of(engine: Engine, us: int) -> Circuit | None:
    """The circuit, as the server has it."""
    return engine.circuits.records.get(KEY, us // 1000)


def check_executed(world: World, was: Circuit | None, command: Command, reply: CircuitReply) -> None:
    """What a command may have done."""
    now = record_of(world.engine, world.us)
    generation = getattr(command, "generation", 0)
    if was is not None and now is not None:
        if generation not in (0, was.generation):
            assert (was.state, was.generation, was.leases) == (now.state, now.generation, now.leases), (
                f"{command} moved another generation"
            )
        assert (was.state is now.state) or now.generation > was.generation, "a new state, an old generation"
    if now is not None:
        assert now.generation >= world.newest, "a generation came again"
        world.newest = now.generation
    if isinstance(command, Prove) and reply.accepted:
        assert was is not None
        lease = was.leases.get((command.worker, command.number))
        assert lease is not None, "a probe without a lease closed the circuit"
        assert lease.valid(world.us // 1000), "a probe whose lease is over closed the circuit"
    if isinstance(command, Release) and reply.accepted and not command.sent:
        world.granted = None  # it did not start
    if isinstance(command, Probe) and reply.accepted:
        assert was is not None
        assert now is not None
        _check_grant(world, was, now, command)


def _check_grant(world: World, was: Circuit, now: Circuit, command: Probe) -> None:
    """A lease is granted once per cooldown; again and again to the one who has it."""
    holder = command.worker, command.number
    ms = world.us // 1000
    held = was.leases.get(holder)
    if held is not None and held.valid(ms):
        assert now.leases[holder] == held, "the same worker and number, another lease"
        return
    if world.granted and world.granted[1] == now.generation and now.started > 1:
        assert world.us >= world.granted[0] + world.granted[2] * 1_000, "two probes in one cooldown"
    world.granted = world.us, now.generation, cooldown(RULES, now.started, 0)


def check(world: World) -> None:
    """What holds at any moment, and what would come of it if nothing else went wrong."""
    record = record_of(world.engine, world.us)
    if record is not None:
        leases = len(record.leases_at(world.us // 1000))
        assert leases <= RULES.max_probes, f"{leases} valid leases"
    _check_agreement(world)
    if record is not None and record.state is OPEN:
        _check_recovery(world.copied())


def _check_agreement(world: World) -> None:
    """Once all have looked, all know what the store knows."""
    record = record_of(world.engine, world.us)
    for worker in map(twin, world.workers):
        if worker.alive:
            if not worker.connected:
                world.connect(worker)
            world.look(worker)
            assert worker.known is not None
            if record is not None:
                assert worker.known.generation == record.generation, f"{worker.name} knows another generation"
                assert (worker.known.state is CLOSED) == (record.state is CLOSED), f"{worker.name} differs"


def _check_recovery(world: World) -> None:
    """Once leases and cooldown are over another probe can start, and its content closes the circuit."""
    probe = Probe(KEY, "later", 1, 60_000, RULES, 0)
    granted = world.execute(probe)
    for _ in range(2):
        if not granted.accepted:
            wait = granted.circuit.retry_after
            assert wait is not None
            assert wait <= 1.2 * RULES.max_cooldown, "a longer wait than any cooldown"
            world.us += wait * 1_000
            granted = world.execute(probe)
    assert granted.accepted, "nobody can probe any more"
    closed = world.execute(Prove(KEY, "later", granted.circuit.generation, 1, False))
    assert closed.circuit.state is CLOSED
