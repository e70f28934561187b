"""A bounded map whose records expire a given time after they were last written."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Records(Generic[K, V]):
    """At most `most` records, each with a time to live; beyond that, the oldest is dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[K, tuple[int, V]] = {}  # (expiry, record), in the order of writing

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K, ms: int) -> V | None:
        """The record at `key`; `None` if there is none or it has expired."""
        ends, record = self._kept.get(key, (0, None))
        if record is not None and ends <= ms:
            del self._kept[key]
            return None
        return record

    def put(self, key: K, record: V, ms: int, lives: int) -> None:
        """Write `record`; it expires `lives` milliseconds from now."""
        self._kept.pop(key, None)
        self._kept[key] = (ms + lives, record)
        oldest = next(iter(self._kept))
        if len(self._kept) > self._most or self._kept[oldest][0] <= ms:
            del self._kept[oldest]

    def drop(self, key: K) -> None:
        """Remove the record at `key`, if there is one."""
        self._kept.pop(key, None)
