"""Runs the demo: the simulator, the tenants, and the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from ranvier import clock
from ranvier.cli.demo.report.film import Film
from ranvier.cli.demo.report.page import page
from ranvier.cli.demo.scenario import Scenario
from ranvier.cli.demo.screen import Screen, print_summary
from ranvier.cli.demo.tally import Tally, Verdict, judge
from ranvier.errors.configuration import ConfigurationError

FRAME = 0.2
"""Seconds between two frames."""


def play(scenario: Scenario, *, plain: bool, report: Path | None = None) -> Verdict:
    """Run the scenario on the screen, print a summary, and write it to `report`.

    Raises:
        ConfigurationError: the report cannot be written; this is checked before the scenario runs.
    """
    console = Console()
    if report is not None:
        _write(report, None)
    tally, film, verdict = asyncio.run(_play(scenario, console, plain=plain))
    if report is not None:
        _write(report, page(film, scenario, verdict))
    print_summary(console, scenario, tally, verdict)
    return verdict


def _write(report: Path, words: str | None) -> None:
    """Write the report; with `None`, only check that it can be written."""
    try:
        with report.open("a" if words is None else "w", encoding="utf-8") as file:
            file.write(words or "")
    except OSError as error:
        raise ConfigurationError(f"--report {report}: {error.strerror}") from None


async def _play(scenario: Scenario, console: Console, *, plain: bool) -> tuple[Tally, Film, Verdict]:
    tally = Tally()
    async with scenario.simulator() as simulator:
        pipeline, film = scenario.pipeline(simulator, tally), Film(clock.now())
        pipeline.events.add(film.record, verbose=True)
        screen = Screen(scenario, simulator, pipeline, tally)
        async with pipeline, _shown(screen, console, plain=plain):
            await scenario.run(pipeline, tally)
        await simulator.idle()
        return tally, film, judge(tally.calls, simulator.requests, scenario.unlucky)


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
