"""All that is known of a pipeline, at one moment: what the page, the terminal and Prometheus show."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from itertools import islice
from typing import Any

from ranvier import clock
from ranvier.asgi.status import health
from ranvier.asgi.status.circuits import CircuitViewer, Look
from ranvier.asgi.status.names import Names
from ranvier.asgi.status.stats import ENDED_WELL, Stats, TargetStats
from ranvier.pipeline.pipeline import Pipeline

VERSION = 1
"""Of the form of `status.json`; what is added to it changes nothing."""

WINDOW = 60
"""Seconds over which rates are told."""

SERIES = 120
"""Seconds that are told one by one."""

MAX_GATES = 20
"""Keys at rest that are told one by one."""


class Report:
    """Reports on one pipeline.

    Attributes:
        process: Tells this process from the others that serve the same application.
        viewer: Of the stack's circuits; `None` where it has no breaker.
    """

    def __init__(self, pipeline: Pipeline, ledger: Stats, names: Names) -> None:
        self.process = secrets.token_hex(4)
        self.ledger = ledger
        self.names = names
        layers = pipeline.layers
        circuits = next((layer.circuits for layer in layers if hasattr(layer, "circuits")), None)
        self.viewer = None if circuits is None else CircuitViewer(circuits, names)
        self._gates = next((layer.gates for layer in layers if hasattr(layer, "gates")), ())
        self._pipeline = pipeline
        self._providers = [deployment.provider.name for layer in layers for deployment in layer.deployments()]

    @property
    def providers(self) -> list[str]:
        """Those of the stack in its order, and whoever else was asked."""
        return list(dict.fromkeys([*self._providers, *filter(None, self.ledger.accounts)]))

    @property
    def in_flight(self) -> tuple[int, int]:
        """How many calls, and how many streams that were handed out."""
        return self._pipeline.lifecycle.under_way

    async def look(self, search: str = "") -> Look:
        """At the circuits; where there are none, at nothing."""
        return Look() if self.viewer is None else await self.viewer.look(search)

    async def facts(self, search: str = "", rows: int = 100) -> dict[str, Any]:
        """Everything, with the circuits that `search` finds, `rows` of them at most."""
        look = await self.look(search)
        now = clock.now()
        providers = [self._provider(name, now, look) for name in self.providers]
        calls = self._calls(now)
        findings = health.of_calls(calls) + [each for told in providers for each in told.pop("findings")]
        findings.sort(key=lambda finding: -health.LEVELS.index(finding[0]))
        return {
            "version": VERSION,
            "process": {"id": self.process, "number": os.getpid(), "up": now - self.ledger.started_at},
            "state": self._pipeline.lifecycle.state,
            "level": health.worst(findings),
            "findings": [{"level": level, "text": text} for level, text in findings],
            "window": WINDOW,
            "calls": calls,
            "providers": providers,
            "circuits": None if self.viewer is None else _circuits(look, search, rows),
            "keys": self._keys(),
            "changes": self._changes(now),
            "stories": self.ledger.stories.told(now, self.names),
        }

    def _calls(self, now: float) -> dict[str, Any]:
        account = self.ledger.calls
        calls, streams = self.in_flight
        return {
            **self._outcomes(account, "calls", now),
            **self._percentiles("seconds", account.latency.percentiles(now, 0.5, 0.95, 0.99)),
            "rescued": sum(account.kinds("rescued", now, WINDOW).values()),
            "running": calls,
            "streams": streams,
            "series": account.series("calls", now, SERIES),
        }

    def _provider(self, name: str, now: float, look: Look) -> dict[str, Any]:
        account = self.ledger.account(name)
        facts = {
            "name": name,
            **self._outcomes(account, "attempts", now),
            **self._percentiles("seconds", account.latency.percentiles(now, 0.5, 0.95, 0.99)),
            **self._percentiles("first_token", account.first_token.percentiles(now, 0.5, 0.95, 0.99)),
            "running": account.running,
            "circuits": dict(look.states.get(name, {})),
            "probes_due": look.probes_due[name],
            "series": account.series("attempts", now, SERIES),
        }
        for what in ("retries", "fallbacks", "rejections", "throttled", "refused", "interrupted"):
            facts[what] = sum(account.kinds(what, now, WINDOW).values())
        findings = health.of_provider(facts)
        return {**facts, "level": health.worst(findings), "findings": findings}

    def _outcomes(self, account: TargetStats, what: str, now: float) -> dict[str, Any]:
        """How many of the last minute ended how, and how many there were in a second."""
        kinds = account.kinds(what, now, WINDOW)
        failures = {kind: number for kind, number in kinds.items() if kind not in ENDED_WELL}
        seconds = min(max(now - self.ledger.started_at, 1.0), WINDOW)
        return {
            "rate": sum(kinds.values()) / seconds,
            "succeeded": kinds.get("succeeded", 0),
            "failed": sum(failures.values()),
            "abandoned": kinds.get("abandoned", 0),
            "failures": failures,
        }

    def _percentiles(self, name: str, seconds: list[float | None]) -> dict[str, Any]:
        return {name: dict(zip(("p50", "p95", "p99"), seconds, strict=True))}

    def _keys(self) -> list[dict[str, Any]]:
        """The keys that rest, because their provider said so."""
        return [
            {
                "provider": gate.provider,
                "key": gate.key,
                "reason": gate.reason,
                "seconds": gate.closed_for,
                "waiting": gate.waiting,
            }
            for gate in islice(self._gates, MAX_GATES)
        ]

    def _changes(self, now: float) -> list[dict[str, Any]]:
        return [
            {
                "ago": now - change.when,
                "tenant": self.names.tenant(change.tenant),
                "provider": change.provider,
                "text": change.words,
            }
            for change in reversed(self.ledger.changes)
        ]


def _circuits(look: Look, search: str, rows: int) -> dict[str, Any]:
    states: Counter[str] = look.by_state
    return {
        "total": look.total,
        "matching": look.matching,
        "states": dict(states),
        "troubled": look.total - states["closed"],
        "search": search,
        "rows": look.rows[:rows],
    }
