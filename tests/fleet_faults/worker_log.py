"""What a worker of the fleet writes down: one JSON object a line, with the time of the whole machine.

Each line is written at once, so that nothing of it is lost when the worker is killed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

now = time.monotonic
"""Seconds on a clock that all processes of this machine share, and that nobody sets."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a worker's log.

    Attributes:
        worker: The number of the worker, as the stage counts them.
        at: When, in seconds of the machine's monotonic clock.
        what: `call`, `sent`, `replied`, `failed`, `connected`, `applied`, `circuit` or `said`.
        facts: What belongs to that.
    """

    worker: int
    at: float
    what: str
    facts: dict[str, Any]


class WorkerLog:
    """The log that a worker writes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def note(self, what: str, **facts: Any) -> None:
        """Write one line."""
        self._file.write(json.dumps({"at": now(), "what": what, **facts}, default=str) + "\n")


class Reader:
    """Reads what a worker writes, as it comes."""

    def __init__(self, worker: int, path: Path) -> None:
        self._worker = worker
        self._path = path
        self._read = 0

    def news(self) -> Iterator[Entry]:
        """The lines since the last time; half a line waits for its other half."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                facts = json.loads(line)
                yield Entry(self._worker, facts.pop("at"), facts.pop("what"), facts)


def described(record: Any) -> dict[str, Any]:
    """A command, a reply or a change, by the name of its class and its fields."""
    assert is_dataclass(record)
    assert not isinstance(record, type)
    return {"is": type(record).__name__, **asdict(record)}
