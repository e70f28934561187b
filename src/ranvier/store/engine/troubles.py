"""The log of open, isolated and alarmed items in the order of change; a worker reads it from a version on."""

from __future__ import annotations

from itertools import islice

from ranvier.store.commands.workers import Trouble
from ranvier.store.engine.limits import MAX_LOOKED, MAX_TROUBLES


class Troubles:
    """The circuits, gates and tenants that workers must be informed of.

    Attributes:
        version: Grows with every change, and is at least as high as each generation: so generations grow even
            if the record of the last one was lost.
    """

    def __init__(self) -> None:
        self.version = 0
        self._changed: dict[Trouble, int] = {}  # the version of the last change, in ascending order

    def changed(self, which: Trouble, generation: int, *, troubled: bool) -> None:
        """Note a change of `which`; `troubled` says if workers must be informed of it from now on."""
        self.version = max(self.version + 1, generation)
        self._changed.pop(which, None)
        if troubled:
            self._changed[which] = self.version
            if len(self._changed) > MAX_TROUBLES:
                del self._changed[next(iter(self._changed))]

    def since(self, seen: int) -> tuple[list[tuple[Trouble, int]], bool]:
        """The changes after the version `seen`, each with its version; and true if some were left out."""
        if self.version == seen:
            return [], False
        later = (each for each in self._changed.items() if each[1] > seen)
        found = list(islice(later, MAX_LOOKED + 1))
        return found[:MAX_LOOKED], len(found) > MAX_LOOKED

    def over(self, which: Trouble) -> None:
        """Remove `which`, which has expired; workers need no notice of that."""
        self._changed.pop(which, None)
