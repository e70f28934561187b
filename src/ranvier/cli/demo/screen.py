"""Shows the demo: live on a terminal, or in plain lines."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ranvier.cli.demo.act import PROVIDERS, Act
from ranvier.cli.demo.scenario import Scenario
from ranvier.cli.demo.tally import Tally, Verdict
from ranvier.pipeline.pipeline import Pipeline
from ranvier.simulator.simulator import Simulator

RECENT = 2.0
"""Seconds over which rates are shown."""

COLOURS = {None: "grey35", "closed": "green", "open": "red", "half_open": "yellow", "isolated": "magenta"}


class Screen:
    """Draws the state of a running demo."""

    def __init__(self, act: Act, simulator: Simulator, pipeline: Pipeline, tally: Tally) -> None:
        self._act = act
        self._simulator = simulator
        self._pipeline = pipeline
        self._tally = tally

    # --- live ------------------------------------------------------------------------------------

    def draw(self, second: float) -> Group:
        """The whole screen, for `rich.live.Live`."""
        total = self._act.seconds
        title = f"{min(second, total):4.1f} of {total:g} s: {self._act.caption(second)}"
        return Group(Text(title, style="bold"), self._providers(second), self._panel())

    def _providers(self, second: float) -> Table:
        table = Table("provider", "requests/s", "success", "latency", "retries", "fallbacks", "opened")
        for provider in PROVIDERS:
            rate, success, latency = self._rates(provider, second)
            table.add_row(
                provider,
                f"{rate:5.1f}",
                Text(f"{success:4.0%}", style="green" if success > 0.9 else "red") if rate else "-",
                f"{latency * 1000:4.0f} ms" if latency else "-",
                str(self._tally.retries[provider]),
                str(self._tally.fallbacks[provider]),
                str(self._tally.openings[provider]),
            )
        return table

    def _rates(self, provider: str, second: float) -> tuple[float, float, float]:
        """Recent requests per second, the share that succeeded, and their median latency."""
        since = max(0.0, second - RECENT)
        ended = [
            exchange
            for exchange in self._simulator.requests_to(provider)
            if exchange.ended is not None and exchange.ended >= since
        ]
        good = [exchange for exchange in ended if exchange.answered]
        took = sorted(exchange.ended - exchange.started for exchange in good if exchange.ended is not None)
        latency = took[len(took) // 2] if took else 0.0
        return len(ended) / max(min(RECENT, second), 0.1), len(good) / max(len(ended), 1), latency

    def _panel(self) -> Panel:
        return Panel(self._circuits(), title="circuits by tenant", title_align="left", expand=False)

    def _circuits(self) -> Text:
        grid = Text()
        for provider in PROVIDERS:
            grid.append(f"{provider:<10}")
            for tenant in self._act.names:
                grid.append("\u25a0", style=COLOURS[self._pipeline.circuits.state(tenant, provider)])
            grid.append("\n")
        grid.append("\u25a0 closed  ", style="green")
        grid.append("\u25a0 open  ", style="red")
        grid.append("\u25a0 half-open  ", style="yellow")
        grid.append("\u25a0 not used yet", style="grey35")
        return grid

    # --- plain -----------------------------------------------------------------------------------

    def line(self, second: float) -> str:
        """The state in one line of text."""
        parts = []
        for provider in PROVIDERS:
            rate, success, latency = self._rates(provider, second)
            label = f"{rate:.0f}/s, {success:.0%} ok, {latency * 1000:.0f} ms" if rate else "no requests"
            parts.append(f"{provider} {label}")
        return f"{second:5.1f} s  {len(self._tally.calls):5} calls  {'; '.join(parts)}; {self._trouble()}"

    def _trouble(self) -> str:
        states = [str(recent.state) for _, recent in self._pipeline.circuits]
        return f"circuits open {states.count('open')}, half-open {states.count('half_open')}"


def print_summary(console: Console, scenario: Scenario, tally: Tally, verdict: Verdict) -> None:
    """Print the summary of the first act."""
    rows: list[tuple[str, Any]] = [
        ("calls", verdict.calls),
        ("rescued: would have failed without ranvier", verdict.rescued),
        (f"skipped {PROVIDERS[0]}: its circuit was open", tally.skipped(PROVIDERS[0])),
        ("failed", verdict.failed),
        ("latency p50", f"{tally.percentile(50):.2f} s"),
        ("latency p95", f"{tally.percentile(95):.2f} s"),
        ("latency p99", f"{tally.percentile(99):.2f} s"),
    ]
    for what, tenants in sorted(tally.affected.items()):
        rows.append((f"tenants affected by {what}", _tenants(scenario, tenants)))
    print_rows(console, rows)


def print_rows(console: Console, rows: list[tuple[str, Any]]) -> None:
    """Print names and values in two columns."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        console.print(f"  {name:<{width}}  {value}", highlight=False, soft_wrap=True)


def print_agreement(console: Console, verdict: Verdict) -> None:
    """Print whether the records agree with the log; the last line is the verdict."""
    for difference in verdict.differences[:10]:
        console.print(f"  records and log differ: {difference}", style="red", soft_wrap=True)
    if not verdict.differences:
        console.print("  the records of the calls agree with the simulator's log", highlight=False)
    console.print(str(verdict), highlight=False, soft_wrap=True)


def _tenants(scenario: Scenario, tenants: set[str]) -> str:
    if tenants == {scenario.unlucky}:
        return f"1 ({scenario.unlucky}, whose key is invalid)"
    return str(len(tenants))
