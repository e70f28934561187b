"""Runs the demo: for each act the simulator, the tenants, and the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from rich.console import Console
from rich.live import Live

from ranvier import clock
from ranvier.cli.demo.act import Act
from ranvier.cli.demo.report.film import Film
from ranvier.cli.demo.report.page import page
from ranvier.cli.demo.report.silence import section
from ranvier.cli.demo.scenario import Scenario
from ranvier.cli.demo.screen import Screen, print_agreement, print_summary
from ranvier.cli.demo.silent_provider import SilentProvider, impact
from ranvier.cli.demo.silent_screen import SilentScreen, print_impact
from ranvier.cli.demo.tally import Tally, Verdict
from ranvier.cli.output import Output
from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator.exchange import Exchange

FRAME = 0.2
"""Seconds between two frames."""

A = TypeVar("A", bound=Act)


@dataclass(frozen=True, slots=True)
class Played(Generic[A]):
    """An act that has ended: what callers saw, the pipeline's events, and the simulator's log."""

    act: A
    tally: Tally
    film: Film
    log: tuple[Exchange, ...]
    verdict: Verdict


def play(scenario: Scenario, second: SilentProvider, *, plain: bool, report: Path | None = None) -> Verdict:
    """Run both acts on the screen, print a summary of each, and write them to `report`.

    Raises:
        ConfigurationError: the report cannot be written; this is checked before the first act runs.
    """
    console = Output()
    if report is not None:
        _write(report, None)
    outage = asyncio.run(_play(scenario, Screen, console, plain=plain))
    print_summary(console, scenario, outage.tally, outage.verdict)
    silence = asyncio.run(_play(second, SilentScreen, console, plain=plain))
    measured = impact(second, silence.tally, silence.film, silence.log)
    print_impact(console, measured, silence.verdict)
    if report is not None:
        after = section(silence.film, second, silence.verdict, measured)
        _write(report, page(outage.film, scenario, outage.verdict, after))
    verdict = outage.verdict + silence.verdict
    print_agreement(console, verdict)
    return verdict


def _write(report: Path, words: str | None) -> None:
    """Write the report; with `None`, only check that it can be written."""
    try:
        with report.open("a" if words is None else "w", encoding="utf-8") as file:
            file.write(words or "")
    except OSError as error:
        raise ConfigurationError(f"--report {report}: {error.strerror}") from None


async def _play(act: A, screen: type[Screen], console: Console, *, plain: bool) -> Played[A]:
    console.print(act.title, style="bold", soft_wrap=True)
    tally = Tally()
    async with act.simulator() as simulator:
        pipeline, film = act.pipeline(simulator, tally), Film(clock.now())
        pipeline.events.add(film.record, verbose=True)
        async with pipeline, _shown(screen(act, simulator, pipeline, tally), console, plain=plain):
            await act.run(pipeline, tally)
        await simulator.idle()
        log = tuple(simulator.requests)
        return Played(act, tally, film, log, act.judge(tally, film, log))


@asynccontextmanager
async def _shown(screen: Screen, console: Console, *, plain: bool) -> AsyncGenerator[None, None]:
    """Show the screen while the enclosed block runs."""
    task = asyncio.create_task(_print_lines(screen, console) if plain else _draw(screen, console))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _print_lines(screen: Screen, console: Console) -> None:
    started_at = clock.now()
    while True:
        await asyncio.sleep(1.0)
        console.print(screen.line(clock.now() - started_at), highlight=False, soft_wrap=True)


async def _draw(screen: Screen, console: Console) -> None:
    started_at = clock.now()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(screen.draw(clock.now() - started_at), refresh=True)
            await asyncio.sleep(FRAME)
