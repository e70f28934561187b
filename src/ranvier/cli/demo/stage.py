"""Puts the demo together: the simulator, the tenants, and the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.live import Live

from ranvier import clock
from ranvier.cli.demo.scenario import Scenario
from ranvier.cli.demo.screen import Screen, print_summary
from ranvier.cli.demo.tally import Tally, Verdict, judge

FRAME = 0.2
"""Seconds between two pictures."""


def play(scenario: Scenario, *, plain: bool) -> Verdict:
    """Play the scenario before the user's eyes, and tell what came of it."""
    console = Console()
    tally, verdict = asyncio.run(_play(scenario, console, plain=plain))
    print_summary(console, scenario, tally, verdict)
    return verdict


async def _play(scenario: Scenario, console: Console, *, plain: bool) -> tuple[Tally, Verdict]:
    tally = Tally()
    async with scenario.simulator() as simulator:
        pipeline = scenario.pipeline(simulator, tally)
        screen = Screen(scenario, simulator, pipeline, tally)
        async with pipeline, _shown(screen, console, plain=plain):
            await scenario.run(pipeline, tally)
        await simulator.idle()
        return tally, judge(tally.calls, simulator.requests, scenario.unlucky)


@asynccontextmanager
async def _shown(screen: Screen, console: Console, *, plain: bool) -> AsyncGenerator[None, None]:
    """Show it while the enclosed block runs."""
    task = asyncio.create_task(_print_lines(screen, console) if plain else _draw(screen, console))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _print_lines(screen: Screen, console: Console) -> None:
    began = clock.now()
    while True:
        await asyncio.sleep(1.0)
        console.print(screen.line(clock.now() - began), highlight=False, soft_wrap=True)


async def _draw(screen: Screen, console: Console) -> None:
    began = clock.now()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(screen.draw(clock.now() - began), refresh=True)
            await asyncio.sleep(FRAME)
