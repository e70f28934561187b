"""What `ranvier watch` reads, and what it draws."""

from __future__ import annotations

import asyncio
import io
from typing import Any

from rich.console import Console

from ranvier import Pipeline
from ranvier.asgi.status.names import Names
from ranvier.asgi.status.report import Report
from ranvier.asgi.status.stats import Stats
from ranvier.cli.watch.screen import draw
from ranvier.layers import Breaker, Fallback
from ranvier.testing import ScriptedProvider


def status_of(*tenants: dict[str, Any]) -> dict[str, Any]:
    """What the status page answers, with these tenants."""
    pipeline = Pipeline(Fallback(ScriptedProvider("openai")), Breaker())
    page = Report(pipeline, Stats(10), Names(hashed=False))

    async def facts() -> dict[str, Any]:
        return await page.facts()

    failing = sum(each["failed"] > 0 for each in tenants)
    return {**asyncio.run(facts()), "tenants": {"failing": failing, "rows": [*tenants]}}


def drawn(facts: dict[str, Any]) -> list[str]:
    """The lines of a terminal of 80 columns."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(draw(facts, rows=24, columns=80))
    return console.export_text().splitlines()
