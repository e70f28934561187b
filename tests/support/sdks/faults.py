"""Six faults, and what each official SDK makes of them: with our transport, and alone.

`python -m support.sdks.faults`, in `tests/`, writes the table of docs/integrations.md.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ranvier import Deployment, Pipeline
from ranvier.integrations import transport
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.simulator import Simulator
from support.sdks.scripts import SCRIPTS, Script
from support.sdks.six_faults import FAULTS

PAGE = Path(__file__).parents[3] / "docs" / "integrations.md"
BEGIN, END = "<!-- made: faults -->\n", "<!-- end -->"

PATIENCE = 4.0
"""Seconds for an SDK alone: Google's would wait for ever."""


def stack(simulator: Simulator, script: Script) -> Pipeline:
    """Two endpoints of one vendor: the second is asked where the first stays silent."""
    first = script.target(base_url=simulator.url(script.vendor))
    second = script.target(base_url=simulator.url(script.vendor), name="backup")
    return Pipeline(
        Deadline(10),
        Fallback(Deployment(first, script.model), Deployment(second, script.model)),
        Retry(base_delay=0.01),
        Throttle(),
        Breaker(),
        Timeout(seconds=1, first_token=1),
    )


async def with_transport(script: Script, fault: str, streamed: bool) -> str:
    """What the SDK makes of a fault with our transport."""
    async with Simulator() as simulator, stack(simulator, script) as pipeline:
        simulator.play(script.vendor, *FAULTS[fault])
        made = await _made(script, simulator, transport(pipeline), streamed)
        assert len(simulator.requests) == 1 + len(FAULTS[fault])
    return made


async def alone(script: Script, fault: str, streamed: bool) -> str:
    """What it makes of that with its own transport."""
    async with Simulator() as simulator:
        simulator.play(script.vendor, *FAULTS[fault])
        return await _made(script, simulator, None, streamed)


async def _made(script: Script, simulator: Simulator, through: Any, streamed: bool) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            text = await script.ask(simulator.url(script.vendor), through, streamed)
    except TimeoutError:
        return "never returns"
    except Exception as error:
        return f"`{type(error).__name__}`"
    return "an answer" if text else "an empty answer"


async def cell(script: Script, fault: str) -> str:
    """The cell of the table: whole and streamed, with the transport and alone."""
    for streamed in (False, True):
        assert await with_transport(script, fault, streamed) == "an answer", (fault, streamed)
    whole, streamed_ = await alone(script, fault, False), await alone(script, fault, True)
    return whole if whole == streamed_ else f"{whole}; streamed {streamed_}"


def cell_of_page(fault: str, sdk: str) -> str:
    """The same cell, as the page has it."""
    table = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    row = next(row for row in rows if row[0] == fault)
    return row[rows[0].index(sdk)]


async def main() -> None:
    """Write the table."""
    lines = [f"| SDK alone | {' | '.join(SCRIPTS)} |", f"|{'---|' * (1 + len(SCRIPTS))}"]
    for fault in FAULTS:
        cells = [await cell(script, fault) for script in SCRIPTS.values()]
        lines.append(f"| {fault} | {' | '.join(cells)} |")
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END, 1)[1]
    PAGE.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
