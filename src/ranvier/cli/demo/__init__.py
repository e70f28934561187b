"""`ranvier demo`: an outage, and what becomes of fifty tenants' calls."""

from __future__ import annotations

import argparse
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


def run(arguments: argparse.Namespace) -> int:
    """Play the scenario; 1 where the books do not balance or somebody with a good key was not served."""
    scenario = Scenario(tenants=arguments.tenants, seconds=arguments.seconds, seed=arguments.seed)
    console = Console()
    tally, verdict = asyncio.run(_play(scenario, console, plain=arguments.plain))
    print_summary(console, scenario, tally, verdict)
    return 0 if verdict.good else 1


async def _play(scenario: Scenario, console: Console, *, plain: bool) -> tuple[Tally, Verdict]:
    tally = Tally()
    async with scenario.simulator() as simulator:
        async with scenario.pipeline(simulator, tally) as pipeline:
            async with _shown(Screen(scenario, simulator, pipeline, tally), console, plain=plain):
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
