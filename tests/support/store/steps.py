"""All that can happen next in a world.

A worker that is stopped is one to which nothing happens for a while, so that it needs no step of its own; one
that is killed is needed to see what becomes of its lease and of what it said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ranvier.store.commands.circuits import Probe
from ranvier.store.engine.engine import Engine
from support.store.laws import record_of
from support.store.worlds import KEY, SECOND, Worker, World

Step = tuple[str, Callable[[World], None]]


def steps(world: World) -> Iterator[Step]:
    """Each with its name."""
    for index, worker in enumerate(world.workers):
        if worker.alive:
            yield from _of(index, worker)
    for seconds in (1, 3):
        yield f"{seconds} s pass", lambda then, by=seconds: _pass(then, by)  # type: ignore[misc]
    if record_of(world.engine, world.us):
        yield "the key is lost", _lose
    if not world.replaced:
        yield "an empty server replaces this one", lambda then: then.replace(Engine("empty"))
        yield "a replica that lags replaces the server", lambda then: then.replace(then.lagging)


def _of(index: int, worker: Worker) -> Iterator[Step]:
    for what, how in (*_of_network(worker), *_of_worker(worker)):
        yield f"{worker.name} {what}", lambda then, how=how: how(then, then.workers[index])  # type: ignore[misc]


Doing = tuple[str, Callable[[World, Worker], None]]


def _of_network(worker: Worker) -> Iterator[Doing]:
    if worker.sent is not None and worker.reply is None:
        yield f"is heard: {type(worker.sent).__name__}", _execute
    if worker.reply is not None:
        yield "gets its reply", _reply
        yield "loses its reply, and sends again", _lose_reply
    if worker.pushes:
        yield "gets a push", lambda then, who: _push(who, keep=False)
        yield "gets a push twice", lambda then, who: _push(who, keep=True)
        yield "misses a push", _miss


def _of_worker(worker: Worker) -> Iterator[Doing]:
    if worker.lease or worker.sent:
        yield "is killed", _kill
    if not worker.connected:
        yield "connects again", lambda then, who: then.connect(who)
        return
    if worker.asks:
        yield "waits no longer", _give_up
    if worker.sent is None:
        for number, command in enumerate(worker.may_send()):
            what = f"sends {type(command).__name__}"
            yield what, lambda then, who, n=number: _send(who, n)  # type: ignore[misc]


def _send(worker: Worker, number: int) -> None:
    worker.sent = list(worker.may_send())[number]
    if isinstance(worker.sent, Probe):
        worker.number += 1
        worker.asks = worker.number


def _execute(world: World, worker: Worker) -> None:
    assert worker.sent is not None
    worker.reply = world.execute(worker.sent)


def _reply(world: World, worker: Worker) -> None:
    command, reply = worker.sent, worker.reply
    assert command is not None
    assert reply is not None
    worker.sent = worker.reply = None
    worker.take(command, reply)


def _lose_reply(world: World, worker: Worker) -> None:
    worker.reply = None


def _give_up(world: World, worker: Worker) -> None:
    worker.asks = 0


def _push(worker: Worker, *, keep: bool) -> None:
    worker.apply(worker.pushes[0])
    if not keep:
        worker.pushes = worker.pushes[1:]


def _miss(world: World, worker: Worker) -> None:
    worker.pushes = worker.pushes[1:]


def _kill(world: World, worker: Worker) -> None:
    worker.alive = False
    worker.pushes = ()


def _pass(world: World, seconds: int) -> None:
    world.us += seconds * SECOND


def _lose(world: World) -> None:
    world.engine.circuits.records.drop(KEY)
    world.granted = None
