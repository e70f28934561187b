"""All clients in turns against one server, each in a process of its own on a core of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import product

from benchmarks.figures import Table
from benchmarks.wire.clients import BY_HAND, CLIENTS, DEFAULT, FASTEST, GATHERED, HTTPX, RAW
from benchmarks.wire.server import PIECES

LITELLM_ROUTER = "litellm Router"
LITELLM = "BENCH_LITELLM_PYTHON"
"""The variable that names the Python of litellm's environment: it pins what others need newer."""

OURS = [RAW, FASTEST, HTTPX, DEFAULT]
STREAMS_ALONE = [BY_HAND, GATHERED]
STREAMING = [*OURS, *STREAMS_ALONE, "openai SDK", "anthropic SDK", LITELLM_ROUTER]
REQUESTS = {50: 500, 500: 500, 2_000: 1_000}
CROWD = 500
STREAMS, IN_FLIGHT = 50, 50


@contextmanager
def _process(*command: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Asking:
    """A client's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout

    def measure(self, flight: int, requests: int, streamed: bool) -> dict[str, float]:
        """One measurement."""
        print(
            json.dumps({"flight": flight, "requests": requests, "streamed": streamed}),
            file=self._to,
            flush=True,
        )
        found: dict[str, float] = json.loads(self._from.readline())
        return found


@contextmanager
def clients(names: list[str]) -> Iterator[dict[str, Asking]]:
    """The processes of these clients, and of the server they ask."""
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        command = (sys.executable, "-m", "benchmarks.wire.server", str(cores[0]))
        server = stack.enter_context(_process(*command))
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        asking = {}
        for name in names:
            python = os.environ[LITELLM] if name == LITELLM_ROUTER else sys.executable
            asked = (python, "-m", "benchmarks.wire.client", name, url, str(cores[-1]))
            asking[name] = Asking(stack.enter_context(_process(*asked)))
        yield asking


def _tables(flight: int) -> dict[str, Table]:
    return {
        "cpu": Table(f"wire-{flight}", f"CPU of a request, {flight:,} in flight", "us", RAW),
        "p50": Table(f"wire-{flight}-p50", f"Latency of a request, {flight:,} in flight, p50", "ms", RAW),
        "p99": Table(f"wire-{flight}-p99", f"Latency of a request, {flight:,} in flight, p99", "ms", RAW),
        "held": Table(f"wire-{flight}-held", f"Memory of a connection, {flight:,} open", "KiB"),
    }


class Wire:
    """The tables of whole answers, as they fill."""

    def __init__(self) -> None:
        self.whole = {flight: _tables(flight) for flight in REQUESTS}

    @property
    def tables(self) -> list[Table]:
        """Those in which something stands."""
        return [table for each in self.whole.values() for table in each.values() if table.rows]

    def turn(self, asking: dict[str, Asking]) -> None:
        """One repetition of everything."""
        for flight in REQUESTS:
            for name in asking if flight == CROWD else [name for name in OURS if name in asking]:
                self.ask(name, asking[name], flight)

    def ask(self, name: str, client: Asking, flight: int) -> None:
        """One measurement of whole answers."""
        found = client.measure(flight, REQUESTS[flight], streamed=False)
        for key, table in self.whole[flight].items():
            if key != "held" or name not in table.rows:  # later turns use again what the first has freed
                table.add(name, found[key])


def on_the_wire(short: bool) -> list[Table]:
    """All tables of whole answers; a short run has the fastest engine with and without us only."""
    wire = Wire()
    if short:
        with clients([RAW, FASTEST]) as asking:
            for _, (name, client) in product(range(5), asking.items()):
                wire.ask(name, client, CROWD)
        return wire.tables
    with clients([name for name in _there(CLIENTS) if name not in STREAMS_ALONE]) as asking:
        for _ in range(5):
            wire.turn(asking)
    return wire.tables


def streams(short: bool) -> list[Table]:
    """What a chunk costs that is read; a short run has what is bounded."""
    title = f"CPU of a streamed chunk, {IN_FLIGHT} streams in flight"
    table = Table("wire-streamed", title, "us", RAW)
    names = [RAW, BY_HAND, GATHERED, FASTEST] if short else _there(STREAMING)
    with clients(names) as asking:
        for turn in range(3 if short else 5):
            for name in names if turn % 2 else reversed(names):
                found = asking[name].measure(IN_FLIGHT, STREAMS, streamed=True)
                table.add(name, found["cpu"] / PIECES)
    return [table]


def _there(names: Iterable[str]) -> list[str]:
    """Those that are installed."""
    return [name for name in names if name != LITELLM_ROUTER or LITELLM in os.environ]
