"""What is not as it should be, in the order in which it changed: a worker reads on from what it has seen."""

from __future__ import annotations

from itertools import islice

from ranvier.store.commands.workers import Trouble
from ranvier.store.engine.limits import MAX_LOOKED, MAX_TROUBLES


class Troubles:
    """The circuits, gates and tenants that a worker has to know of.

    Attributes:
        version: Goes up with every change, and is at least the generation of whatever changed. So generations
            grow even if the record of the last one was lost.
    """

    def __init__(self) -> None:
        self.version = 0
        self._changed: dict[Trouble, int] = {}  # the version of the last change, in ascending order

    def changed(self, which: Trouble, generation: int, *, troubled: bool) -> None:
        """Something of this generation changed; from now on it is a trouble, or no longer."""
        self.version = max(self.version + 1, generation)
        self._changed.pop(which, None)
        if troubled:
            self._changed[which] = self.version
            if len(self._changed) > MAX_TROUBLES:
                del self._changed[next(iter(self._changed))]

    def since(self, seen: int) -> tuple[list[tuple[Trouble, int]], bool]:
        """What changed after the version `seen`, with its version; and whether there is more of it."""
        if self.version == seen:
            return [], False
        later = (each for each in self._changed.items() if each[1] > seen)
        found = list(islice(later, MAX_LOOKED + 1))
        return found[:MAX_LOOKED], len(found) > MAX_LOOKED

    def over(self, which: Trouble) -> None:
        """It ended by itself, which is no change that anyone has to learn."""
        self._changed.pop(which, None)
