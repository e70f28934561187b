"""Shows the second act: the shared circuit, and how long the callers waited."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from ranvier.cli.demo.act import PROVIDERS
from ranvier.cli.demo.screen import COLOURS, Screen, print_rows
from ranvier.cli.demo.silent_provider import Impact, in_seconds
from ranvier.cli.demo.tally import Verdict
from ranvier.facts.circuit import CLOSED, SharedCircuitSnapshot


class SilentScreen(Screen):
    """Draws the state of the second act."""

    def _panel(self) -> Panel:
        lines = Text()
        for circuit in self._shared():
            lines.append(f"{circuit.target}  ")
            lines.append(str(circuit.state).replace("_", "-"), style=COLOURS[circuit.state])
            lines.append(
                f"  {circuit.failing} of {circuit.active} tenants failing, {circuit.rejected} calls "
                "rejected\n"
            )
        lines.append(f"{self._tally.hedges} hedges; latency {self._waits()}")
        return Panel(lines, title="circuits of all tenants together", title_align="left", expand=False)

    def _trouble(self) -> str:
        states = [
            f"{circuit.target} {circuit.state}" for circuit in self._shared() if circuit.state is not CLOSED
        ]
        circuits = f"shared circuit of {', '.join(states)}" if states else "shared circuits closed"
        return f"{circuits}; {self._tally.hedges} hedges; latency {self._waits()}"

    def _shared(self) -> list[SharedCircuitSnapshot]:
        shared = self._pipeline.circuits.shared
        return [] if shared is None else [circuit for circuit in shared if circuit.model is not None]

    def _waits(self) -> str:
        tally = self._tally
        percentiles = ", ".join(f"p{percent} {tally.percentile(percent):.2f} s" for percent in (50, 95, 99))
        return f"{percentiles}, longest {tally.longest:.2f} s"


def print_impact(console: Console, impact: Impact, verdict: Verdict) -> None:
    """Print the summary of the second act."""
    rows: list[tuple[str, Any]] = [
        ("calls", verdict.calls),
        ("failed", verdict.failed),
        ("latency p50", in_seconds(impact.p50)),
        ("latency p95", in_seconds(impact.p95)),
        ("latency p99", in_seconds(impact.p99)),
        ("longest latency", in_seconds(impact.longest)),
        (f"requests that reached {PROVIDERS[0]} while it was silent", impact.sent),
        ("hedges: another target asked as well", impact.hedges),
        ("shared circuit opened after the start of the silence", in_seconds(impact.opened_after)),
        ("shared circuit closed after its end", in_seconds(impact.closed_after)),
        (f"{PROVIDERS[0]} answered again after its end", in_seconds(impact.recovered_after)),
        (
            "requests",
            f"callers saw {impact.attempts}, the pipeline counted {impact.counted}, "
            f"the providers received {impact.received}",
        ),
    ]
    print_rows(console, rows)
