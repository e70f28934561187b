"""The stage of the fleet: a server, the way to it, providers, and workers, each of which can be broken."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from fleet_faults.orders import Orders
from fleet_faults.worker_log import Entry, Reader, now
from ranvier.simulator import Fault, Simulator, Status
from support.simulator.threaded import simulator_in_thread
from support.valkey.proxy import Proxy, proxying
from support.valkey.server import ValkeyServer, serving

WORKER = Path(__file__).with_name("worker.py")

FAILING, GOOD = "openai", "anthropic"
"""The provider that is down now and then, and the one behind it."""

WALL_CLOCKS = (0.0, 3600.0, -3600.0, 0.0)
"""Seconds by which the wall clocks of the workers are wrong, in turn."""


class UnmetError(Exception):
    """Something did not come about in time."""


class WorkerProcess:
    """One worker, and what it has written so far.

    Attributes:
        orders: What it was told.
        entries: What was read of its log.
        states: The state of each shared circuit there, by its target; without it the circuit is closed.
        alive: It was neither killed nor ended.
        was_killed: It said nothing more at its end.
    """

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.entries: list[Entry] = []
        self.states: dict[str, str] = {}
        self.alive, self.was_killed = True, False
        self._reader = Reader(orders.number, Path(orders.log))
        self._errors = Path(orders.log).with_suffix(".err").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), orders.text], stdin=subprocess.PIPE, stderr=self._errors
        )

    def read(self) -> list[Entry]:
        """All that it has written, the newest included."""
        for entry in self._reader.news():
            self.entries.append(entry)
            if entry.what == "circuit":
                self.states[entry.facts["target"]] = entry.facts["after"]
        return self.entries

    @property
    def ids(self) -> set[str]:
        """Under which ids it has connected to the store."""
        return {entry.facts["id"] for entry in self.read() if entry.what == "connected"}

    def kill(self) -> None:
        """Kill it in the middle of whatever it does (kill -9)."""
        self.alive, self.was_killed = False, True
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def pause(self) -> None:
        """Stop it (SIGSTOP)."""
        self._process.send_signal(SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(SIGCONT)

    def end(self) -> int:
        """Let it close its pipeline; how it ended."""
        self.alive = False
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            return self._process.wait(15)
        finally:
            self._process.kill()
            self._errors.close()

    @property
    def complaints(self) -> str:
        """What it wrote to stderr."""
        return Path(self.orders.log).with_suffix(".err").read_text(errors="replace")


class Stage:
    """All of it.

    Attributes:
        server: The server to which the way leads at first.
        proxy: The way.
        workers: All that there ever were, in the order of their numbers.
    """

    def __init__(self, server: ValkeyServer, proxy: Proxy, providers: Simulator, folder: Path) -> None:
        self.server = server
        self.proxy = proxy
        self.workers: list[WorkerProcess] = []
        self._providers = providers
        self._folder = folder

    # --- workers ---

    def start(self, count: int, *, alone: bool = False, **orders: object) -> list[WorkerProcess]:
        """Start workers, and wait until each has opened its pipeline; `alone` without the store."""
        began = []
        for number in range(len(self.workers), len(self.workers) + count):
            told = Orders(
                number,
                str(self._folder / f"worker-{number}.jsonl"),
                self._providers.url(FAILING),
                self._providers.url(GOOD),
                None if alone else self.proxy.url,
                clock=WALL_CLOCKS[number % len(WALL_CLOCKS)],
            )
            began.append(WorkerProcess(replace(told, **orders)))  # type: ignore[arg-type]
        self.workers += began
        self.until(lambda: all(any(e.what == "working" for e in each.read()) for each in began), within=120)
        return began

    @property
    def living(self) -> list[WorkerProcess]:
        """The workers that were neither killed nor ended."""
        return [each for each in self.workers if each.alive]

    def entries(self, since: float = 0.0) -> Iterator[Entry]:
        """What the workers have written since then, worker by worker."""
        for each in self.workers:
            yield from (entry for entry in each.read() if entry.at >= since)

    # --- providers ---

    def down(self, fault: Fault | None = None) -> None:
        """Let the first target fail."""
        self._providers.always(FAILING, fault or Status(503))

    def well(self) -> None:
        """Let it answer again."""
        self._providers.clear(FAILING)

    # --- waiting ---

    def until(self, met: Callable[[], bool], *, within: float) -> None:
        """Wait until it is so.

        Raises:
            UnmetError: It is not, after so many seconds.
        """
        deadline = now() + within
        while not met():
            if now() > deadline:
                raise UnmetError(f"not within {within:g} s")
            time.sleep(0.02)


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A stage without workers yet; all of it ends with the block.

    Raises:
        AbsentError: There is no Valkey here.
    """
    with ExitStack() as stack:
        server = stack.enter_context(serving())
        proxy = stack.enter_context(proxying(server.port))
        providers = stack.enter_context(simulator_in_thread())
        stage = Stage(server, proxy, providers, folder)
        try:
            yield stage
        finally:
            for worker in stage.living:
                with suppress(ProcessLookupError):
                    worker.resume()
                worker.kill()
