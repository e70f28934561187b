"""The state of a pipeline at one moment, for the page, the terminal and Prometheus."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from itertools import islice
from typing import Any

from ranvier import clock
from ranvier.asgi.status import health
from ranvier.asgi.status.circuits import CircuitViewer, Overview
from ranvier.asgi.status.names import Names
from ranvier.asgi.status.recent import facts as recent_facts
from ranvier.asgi.status.recent.numbers import ALL, WINDOW, Recent, Recents
from ranvier.asgi.status.recent.of_worker import of_worker
from ranvier.asgi.status.service import Service
from ranvier.asgi.status.shared_circuits import findings_of, shared_facts
from ranvier.asgi.status.stack_view import StackView
from ranvier.asgi.status.stats import Stats
from ranvier.pipeline.pipeline import Pipeline

VERSION = 1
"""The version of the format of `status.json`; adding fields does not change it."""

MAX_GATES = 20
"""Throttled keys, and keys of each bulkhead, that are listed."""


class Report:
    """Reports on one pipeline.

    Attributes:
        process: A random id that distinguishes this process from others that serve the same application.
    """

    def __init__(self, pipeline: Pipeline, stats: Stats, names: Names) -> None:
        self.process = secrets.token_hex(4)
        self.stats = stats
        self.names = names
        self._pipeline = pipeline
        self._stack_view = StackView(pipeline.stack, names)
        self.service = Service(pipeline.lifecycle.joining)

    @property
    def stack_view(self) -> StackView:
        """A view of the stack in use, renewed after a reload."""
        if self._stack_view.stack is not self._pipeline.stack:
            self._stack_view = StackView(self._pipeline.stack, self.names)
        return self._stack_view

    @property
    def viewer(self) -> CircuitViewer | None:
        """Reads the circuits of the stack in use; `None` if it has no breaker."""
        return self.stack_view.viewer

    @property
    def providers(self) -> list[str]:
        """The providers of the stack in its order, then any others that calls were sent to."""
        return list(dict.fromkeys([*self.stack_view.providers, *filter(None, self.stats.providers)]))

    @property
    def in_flight(self) -> tuple[int, int]:
        """The number of calls and of handed-out streams in flight."""
        return self._pipeline.lifecycle.in_flight

    async def overview(self, search: str = "") -> Overview:
        """An overview of the circuits; an empty one if there is no breaker."""
        viewer = self.viewer
        return Overview() if viewer is None else await viewer.overview(search)

    def recents(self, overview: Overview) -> Recents:
        """The recent counts of this worker."""
        return of_worker(self.stats, self.providers, overview, self.in_flight, clock.now())

    def _numbers(self, recents: Recents) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The calls, and the providers, for `status.json`."""
        names = [name for name in dict.fromkeys([*self.stack_view.providers, *recents]) if name != ALL]
        calls = recent_facts.of_calls(recents.get(ALL, Recent()))
        return calls, [recent_facts.of_provider(name, recents.get(name, Recent())) for name in names]

    async def facts(self, search: str = "", rows: int = 100) -> dict[str, Any]:
        """The content of `status.json`, with the tenants and at most `rows` circuits that `search` finds."""
        overview = await self.overview(search)
        tenants = await self.stats.tenants.facts(clock.now(), self.names, search)
        service, now = await self.service.facts(overview.rows), clock.now()
        calls, providers = self._numbers(await self.service.recents() or self.recents(overview))
        circuits = self.stack_view.shared
        shared = None if circuits is None else shared_facts(circuits)
        findings = health.of_calls(calls)
        findings += [finding for provider in providers for finding in provider.pop("findings")]
        findings += findings_of(shared["rows"]) if shared is not None else []
        findings += [
            ("strained", f"faults are injected: {layer}") for layer in self.stack_view.faulty if layer.on
        ]
        findings.sort(key=lambda finding: -health.LEVELS.index(finding[0]))
        return {
            "version": VERSION,
            "process": {"id": self.process, "number": os.getpid(), "up": now - self.stats.started_at},
            "state": self._pipeline.lifecycle.state,
            "level": health.worst(findings),
            "findings": [{"level": level, "text": text} for level, text in findings],
            "window": WINDOW,
            "calls": calls,
            "providers": providers,
            "circuits": None if self.viewer is None else _circuits(overview, search, rows),
            "shared_circuits": shared,
            "service": service,
            "tenants": tenants,
            "keys": self._keys(),
            "places": self.places(),
            "spending": self.spending(now),
            "balances": self.balances(),
            "limits": self.limits(),
            "changes": self._changes(now),
            "stories": self.stats.stories.facts(now, self.names),
        }

    def _keys(self) -> list[dict[str, Any]]:
        """The keys that may not be used now, because their provider limited or rejected them."""
        return [
            {
                "provider": gate.provider,
                "model": gate.model,
                "key": gate.key,
                "reason": gate.reason,
                "seconds": gate.closed_for,
                "waiting": gate.waiting,
            }
            for gate in islice(self.stack_view.gates, MAX_GATES)
        ]

    def places(self) -> list[dict[str, Any]]:
        """The places of the bulkheads, and the calls that wait for them."""
        return [
            {
                "name": each.name,
                "limit": each.limit,
                "in_flight": each.in_flight,
                "waiting": each.waiting,
                "tenants": len(each.tenants),
            }
            for places in self.stack_view.places
            for each in islice(places, MAX_GATES)
        ]

    def spending(self, now: float) -> list[dict[str, Any]]:
        """What all tenants have spent and reserved in the current window of each spend limit."""
        return [spending(now)._asdict() for spending in self.stack_view.spending]

    def balances(self) -> list[dict[str, Any]]:
        """The targets of the balances, and how busy each is."""
        now = clock.now()
        return [each._asdict() for balance in self.stack_view.balances for each in balance.snapshots(now)]

    def limits(self) -> list[dict[str, Any]]:
        """What is left of the limits that providers report, and the calls that wait for them."""
        return [
            {
                "provider": each.provider,
                "model": each.model,
                "key": each.key,
                "limit": each.what,
                "size": each.limit,
                "left": each.left,
                "waiting": each.waiting,
            }
            for allowances in self.stack_view.allowances
            for each in islice(allowances, MAX_GATES)
        ]

    def _changes(self, now: float) -> list[dict[str, Any]]:
        return [
            {
                "ago": now - change.when,
                "tenant": self.names.tenant(change.tenant) if change.tenant else "",
                "provider": change.provider,
                "text": change.words,
            }
            for change in reversed(self.stats.changes)
        ]


def _circuits(overview: Overview, search: str, rows: int) -> dict[str, Any]:
    states: Counter[str] = overview.by_state
    return {
        "total": overview.total,
        "matching": overview.matching,
        "states": dict(states),
        "troubled": overview.total - states["closed"],
        "search": search,
        "rows": overview.rows[:rows],
    }
