"""What happens to the fleet: each scene is an outage of the first target, with a fault in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from fleet_faults.convergence import Span
from fleet_faults.exchanges import exchanges
from fleet_faults.leases import leases
from fleet_faults.stage import Stage, UnmetError, WorkerProcess
from fleet_faults.worker_log import now
from fleet_faults.working import SILENCE
from ranvier.simulator import Fault, Silence
from support.valkey.proxy import Way
from support.valkey.server import serving

TARGET = "openai/gpt-5.2"
"""The target that fails."""

LASTS = 2.0
"""Seconds for which the store is not to be reached, or not to be written to."""


@dataclass
class Scene:
    """One scene as it went.

    Attributes:
        name: What happened.
        began, ended: When.
        opened: When the target began to fail.
        losses: When the store lost data.
        harmed: When the store, the way to it, or a worker was not whole.
        deaf: When pushes were cut, and nothing else.
        trouble: What did not come about in time.
    """

    name: str
    began: float
    ended: float = 0.0
    opened: float = 0.0
    losses: list[Span] = field(default_factory=list)
    harmed: list[Span] = field(default_factory=list)
    deaf: list[Span] = field(default_factory=list)
    trouble: str = ""

    @contextmanager
    def harm(self, *, losing: bool = False) -> Iterator[None]:
        """The store is not whole in this block, and for a moment after it; `losing` its data, too."""
        start = now()
        try:
            yield
        finally:
            self.harmed.append((start, now() + 2.0))
            if losing:
                self.losses.append((start, now()))


Play = Callable[[Stage, Scene], None]


@contextmanager
def outage(stage: Stage, scene: Scene, fault: Fault | None = None) -> Iterator[None]:
    """The first target fails in this block; all workers reject it at its beginning, and none after it."""
    scene.opened = now()
    stage.down(fault)
    try:
        all_are(stage, "open", "half_open", within=30)
        yield
    finally:
        stage.well()
    all_are(stage, "closed", within=20)


def all_are(stage: Stage, *states: str, within: float) -> None:
    """Wait until the shared circuit is in one of `states` at every worker.

    Raises:
        UnmetError: It was not, at some of them.
    """
    try:
        stage.until(lambda: all(state_at(each) in states for each in stage.living), within=within)
    except UnmetError as unmet:
        seen = ", ".join(state_at(each) for each in stage.living)
        raise UnmetError(f"not {' or '.join(states)} at every worker {unmet}: {seen}") from None


def state_at(worker: WorkerProcess) -> str:
    """The state of the shared circuit at a worker."""
    worker.read()
    return worker.states.get(TARGET, "closed")


def holder_of_probe(stage: Stage) -> WorkerProcess:
    """Wait for a probe that is in flight; the worker that holds it."""
    found: list[WorkerProcess] = []

    def is_there() -> bool:
        for lease in leases(exchanges(stage.entries(now() - 20))):
            if lease.began > now() - SILENCE / 2 and lease.ends > now() + 0.5:
                found.extend(each for each in stage.living if lease.holder[0] in each.ids)
        return bool(found)

    stage.until(is_there, within=20)
    return found[0]


# --- what happens ------------------------------------------------------------------------------------


def nothing_else(stage: Stage, scene: Scene) -> None:
    """An outage of the target, and a store that works."""
    with outage(stage, scene):
        time.sleep(5)


def holder_killed(stage: Stage, scene: Scene) -> None:
    """A worker is killed while it holds a probe; another takes its place."""
    with outage(stage, scene, Silence()):
        holder_of_probe(stage).kill()
        stage.start(1)
        time.sleep(5)


def holder_stopped(stage: Stage, scene: Scene) -> None:
    """A worker is stopped while it holds a probe, for longer than its lease lasts."""
    with outage(stage, scene, Silence()):
        holder = holder_of_probe(stage)
        with scene.harm():  # since it hears nothing all the while
            holder.pause()
            time.sleep(5)
            holder.resume()
        time.sleep(2)


def server_killed(stage: Stage, scene: Scene) -> None:
    """The server is killed, and starts again without its data."""
    with outage(stage, scene):
        with scene.harm(losing=True):
            stage.server.kill()
            time.sleep(LASTS)
            stage.server.start()
        time.sleep(4)


def server_stopped(stage: Stage, scene: Scene) -> None:
    """The server is stopped for a while."""
    with outage(stage, scene):
        with scene.harm():
            stage.server.pause()
            time.sleep(LASTS)
            stage.server.resume()
        time.sleep(3)


def flushed(stage: Stage, scene: Scene) -> None:
    """Somebody empties the server."""
    with outage(stage, scene):
        with scene.harm(losing=True):
            stage.server.ask("FLUSHALL")
        time.sleep(4)


def scripts_flushed(stage: Stage, scene: Scene) -> None:
    """Somebody takes the scripts from the server."""
    with outage(stage, scene):
        stage.server.ask("SCRIPT", "FLUSH")
        time.sleep(3)


def failed_over(stage: Stage, scene: Scene) -> None:
    """The server dies, and a replica takes its place that has not heard of the outage."""
    with ExitStack() as stack:
        replica = stack.enter_context(serving())
        replica.follow(stage.server)
        replica.pause()
        with outage(stage, scene):
            with scene.harm(losing=True):
                stage.server.kill()
                replica.resume()
                stage.proxy.lead_to(replica.port)
                time.sleep(LASTS)  # read-only still
                replica.lead()
            time.sleep(4)
        with scene.harm(losing=True):
            stage.server.start()
            stage.proxy.lead_to(stage.server.port)
            time.sleep(1)


def full(stage: Stage, scene: Scene) -> None:
    """The server has no memory left for a while."""
    with outage(stage, scene):
        with scene.harm():
            stage.server.ask("CONFIG", "SET", "maxmemory", "1")
            time.sleep(LASTS)
            stage.server.ask("CONFIG", "SET", "maxmemory", "0")
        time.sleep(3)


def parted(way: Way) -> Play:
    """The way to the server does that for a while."""

    def play(stage: Stage, scene: Scene) -> None:
        with outage(stage, scene):
            with scene.harm():
                stage.proxy.become(way)
                time.sleep(LASTS)
                stage.proxy.become(Way.WHOLE)
            time.sleep(3)

    return play


def pushes_cut(stage: Stage, scene: Scene) -> None:
    """Nothing is pushed, all the while, and everything else works."""
    began = now()
    stage.proxy.become(Way.MUTE)
    try:
        with outage(stage, scene):
            time.sleep(3)
        scene.deaf.append((began, now()))
        scene.harmed.append((began, now() + 2.0))
    finally:
        stage.proxy.become(Way.WHOLE)
