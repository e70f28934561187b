"""What else a stack costs: memory, a refusal, and the time to import it."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from tempfile import TemporaryDirectory

import aiobreaker
import interlock
import uvloop
from hyx.circuitbreaker.managers import ConsecutiveCircuitBreaker
from purgatory.domain.model import Context

from benchmarks.figures import Table
from benchmarks.overhead.ours import BARE, FLOOR, FULL, Answering, full
from benchmarks.overhead.peers import PEERS
from benchmarks.overhead.subject import A_WHILE, Subject
from ranvier import Layer, Pipeline
from ranvier.errors import CircuitOpenError
from ranvier.layers import Breaker, Fallback
from ranvier.layers.breaker.circuit import Circuit

CROWD = 5_000


async def _bytes_in_flight(subject: Subject) -> float:
    async with subject.open(A_WHILE) as ask:
        await ask()
        gc.collect()
        tracemalloc.start()
        tasks = [asyncio.ensure_future(ask()) for _ in range(CROWD)]
        await asyncio.sleep(0.01)  # all of them wait for the provider now
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await asyncio.gather(*tasks)
        return held / CROWD


def memory(subjects: Sequence[Subject], times: int) -> Table:
    """Bytes of a call that waits for its provider, its task included."""
    table = Table("memory", "Memory of a call in flight, its task included", "bytes", FLOOR.name)
    for _ in range(times):
        for subject in subjects:
            table.add(subject.name, uvloop.run(_bytes_in_flight(subject)))
    return table


async def _use_lock(circuit: Circuit) -> Circuit:
    async with circuit.lock:
        return circuit


def _bytes_each(make: Callable[[], object]) -> float:
    make()
    kept: list[object] = [None] * CROWD
    gc.collect()
    tracemalloc.start()
    for index in range(CROWD):
        kept[index] = make()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / CROWD


def _with_lock() -> float:
    """A circuit whose lock an operator has used."""

    async def locked() -> float:
        rules = Breaker().rules
        kept: list[Circuit | None] = [None] * CROWD
        await _use_lock(Circuit(rules))
        gc.collect()
        tracemalloc.start()
        for index in range(CROWD):
            kept[index] = await _use_lock(Circuit(rules))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return held / CROWD

    return asyncio.run(locked())


def circuits() -> Table:
    """Bytes of one circuit; its key and what it is kept in are not counted."""
    rules = Breaker().rules
    table = Table("circuits", "Memory of a circuit, without its key and container", "bytes")
    table.add("ranvier", _bytes_each(lambda: Circuit(rules)))
    table.add("ranvier, its lock in use", _with_lock())
    half_a_minute = timedelta(seconds=30)
    makers: dict[str, Callable[[], object]] = {
        "hyx": lambda: ConsecutiveCircuitBreaker(Exception, 5, 30, 3),
        "purgatory": lambda: Context("a", 5, 30.0),
        "aiobreaker": lambda: aiobreaker.CircuitBreaker(5, half_a_minute),
        "interlock-cb": lambda: interlock.CircuitBreaker(name="a"),
    }
    for name, make in makers.items():
        table.add(name, _bytes_each(make))
    return table


async def _rejections(calls: int) -> float:
    async with Pipeline(*_for_one_target()) as pipeline:
        await pipeline.complete("hi")
        await pipeline.circuits.isolate("default", "a")
        began = time.process_time()
        for _ in range(calls):
            with suppress(CircuitOpenError):
                await pipeline.complete("hi")
        return (time.process_time() - began) / calls * 1e6


def _for_one_target() -> list[Layer]:
    route = Fallback(Answering("a"))
    return sorted([route, *full()], key=lambda layer: layer.place)


def rejection(times: int) -> Table:
    """CPU of a call that an open circuit refuses, through all layers, its error raised to the caller."""
    table = Table("rejection", "A call rejected by an open circuit, through the whole stack", "us")
    for _ in range(times):
        table.add("ranvier", uvloop.run(_rejections(5_000)))
    return table


IMPORTED = {"ranvier": "httpx", "httpx": None, "aiohttp": None}


def imports(times: int) -> Table:
    """CPU of `import` in a new process, of what is compiled, as pip leaves it; of ranvier's after httpx."""
    table = Table("import", "`import`, ranvier's once httpx is imported", "ms")
    with TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        for module, first in IMPORTED.items():
            _import(module, first, environment)
        for _ in range(times):
            for module, first in IMPORTED.items():
                table.add(module, _import(module, first, environment))
    return table


def _import(module: str, first: str | None, environment: dict[str, str]) -> float:
    begin = f"import {first}; " if first else ""
    code = f"{begin}from time import process_time as now; t = now(); import {module}; print(now() - t)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout) * 1e3


def weighed(short: bool) -> list[Table]:
    """All tables that are not of CPU per call; a short run repeats less."""
    if short:
        return [memory([FLOOR, FULL], 1), circuits(), rejection(3), imports(3)]
    return [memory([BARE, FLOOR, FULL, *PEERS], 5), circuits(), rejection(7), imports(7)]
