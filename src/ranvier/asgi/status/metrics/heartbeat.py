"""The numbers that a worker sends with each heartbeat, so that any worker can report on all of them."""

from __future__ import annotations

from collections.abc import Mapping

from ranvier.asgi.status.circuits import Overview
from ranvier.asgi.status.metrics import of_fleet, of_worker
from ranvier.asgi.status.recent.text import written
from ranvier.asgi.status.report import Report


class HeartbeatCounters:
    """The counters, gauges and recent numbers of one worker; they never name a tenant."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __call__(self) -> tuple[Mapping[str, int], Mapping[str, int], str]:
        """The counters since the worker started, its gauges, and its recent numbers as text."""
        viewer = self._report.viewer
        overview = Overview() if viewer is None else viewer.latest()
        families = of_worker.families(self._report, overview)
        recent = written(self._report.recents(overview))
        return of_fleet.heartbeat_sums(families), of_fleet.heartbeat_gauges(families), recent
