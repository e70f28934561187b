"""Records that are dropped some time after they were written last, and that are never too many."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Records(Generic[K, V]):
    """Like the keys of a server with a time to live and a limit: an unknown one is `None`, never an error."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[K, tuple[int, V]] = {}  # in the order in which they were written

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K, ms: int) -> V | None:
        """The record, unless its time is over."""
        ends, record = self._kept.get(key, (0, None))
        if record is not None and ends <= ms:
            del self._kept[key]
            return None
        return record

    def put(self, key: K, record: V, ms: int, lives: int) -> None:
        """Write it, for so many milliseconds from now."""
        self._kept.pop(key, None)
        self._kept[key] = (ms + lives, record)
        oldest = next(iter(self._kept))
        if len(self._kept) > self._most or self._kept[oldest][0] <= ms:
            del self._kept[oldest]

    def drop(self, key: K) -> None:
        """Forget it, if it is there."""
        self._kept.pop(key, None)
