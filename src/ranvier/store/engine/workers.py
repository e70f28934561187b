"""Executes heartbeats: tracks which workers are live, and sums their counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from ranvier.store.commands.workers import Alive, Fleet, Heartbeat, Leave, WorkerView
from ranvier.store.engine.limits import (
    KEEP_WORKER,
    LEASE_LIVES,
    MAX_GAUGES,
    MAX_LOOKED,
    MAX_NUMBER,
    MAX_SUMS,
    MAX_TROUBLES,
)
from ranvier.store.engine.moment import Moment
from ranvier.store.engine.records import Records


@dataclass(slots=True)
class Beating:
    """The last heartbeat of a live worker."""

    at: int
    about: Mapping[str, str]
    gauges: Mapping[str, int]


class Workers:
    """The live workers, and the sums of their counters.

    A heartbeat adds the growth of each counter since the previous one to the sum. So nothing has to be done
    for a worker that is gone, and nothing is counted twice if it returns.
    """

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self._living: dict[str, Beating] = {}
        self._last: Records[str, dict[str, int]] = Records(MAX_TROUBLES)  # the sums of each worker
        self._total: dict[str, int] = {}

    def beat(self, command: Heartbeat, now: Moment) -> Alive:
        """Note a heartbeat."""
        gauges = dict(islice(command.gauges.items(), MAX_GAUGES))
        self._living[command.worker] = Beating(now.ms, dict(command.about), gauges)
        last = self._last.get(command.worker, now.ms) or {}
        ignored = len(command.gauges) - len(gauges)
        for name, total in command.sums.items():
            ignored += not self._add(name, min(total, MAX_NUMBER), last)
        self._last.put(command.worker, last, now.ms, KEEP_WORKER)
        return self._alive(now.ms, ignored)

    def _add(self, name: str, total: int, last: dict[str, int]) -> bool:
        """Add the growth of `name` since `last` to its sum; false if there are too many counters."""
        if name not in self._total and len(self._total) >= MAX_SUMS:
            return False
        grown = max(total - last.get(name, 0), 0)  # not negative if an older heartbeat comes late
        last[name] = last.get(name, 0) + grown
        self._total[name] = self._total.get(name, 0) + grown
        return True

    def leave(self, command: Leave, now: Moment) -> Alive:
        """Note the end of a worker."""
        self._living.pop(command.worker, None)
        return self._alive(now.ms, 0)

    def fleet(self, now: Moment) -> Fleet:
        """The live workers and the sums, for operators."""
        self._bury(now.ms)
        living = sorted(self._living.items(), key=_age, reverse=True)
        shown = (
            WorkerView(worker, now.ms - each.at, dict(each.about), dict(each.gauges))
            for worker, each in islice(living, MAX_LOOKED)
        )
        return Fleet(tuple(shown), len(living), dict(self._total))

    def _alive(self, ms: int, ignored: int) -> Alive:
        self._bury(ms)
        return Alive(len(self._living), self.epoch, ignored)

    def _bury(self, ms: int) -> None:
        gone = [who for who, each in self._living.items() if not 0 <= ms - each.at < LEASE_LIVES]
        for who in gone:
            del self._living[who]


def _age(living: tuple[str, Beating]) -> tuple[int, str]:
    return living[1].at, living[0]
