"""A context variable that `with` blocks set: `tenant("acme")` and `deadline(20)` are built on it.

A block object may be a constant: it can be entered again while it is entered, in the same task or in
another. So the object keeps no state; each context remembers the blocks that are entered in it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Entered(NamedTuple):
    """A block that has been entered, and the value that leaving it restores."""

    owner: object
    before: object
    outer: _Entered | None


class Scoped(Generic[T]):
    """A context variable, `None` outside every block.

    Attributes:
        get: Returns the value, as fast as a plain context variable does.
    """

    get: Callable[[], T | None]

    def __init__(self, name: str) -> None:
        self._value: ContextVar[T | None] = ContextVar(name, default=None)
        self._innermost: ContextVar[_Entered | None] = ContextVar(f"{name}.blocks", default=None)
        self.get = self._value.get

    def enter(self, owner: object, value: T | None) -> None:
        """Set `value` until `owner` leaves."""
        self._innermost.set(_Entered(owner, self._value.get(), self._innermost.get()))
        self._value.set(value)

    def put(self, value: T | None) -> None:
        """Set `value` in the running context, inside the current block if there is one."""
        self._value.set(value)

    def leave(self, owner: object) -> None:
        """Undo the innermost `enter` of `owner` in this context.

        Blocks around a `yield` may be left in another order than they were entered in, or in a context
        where they were never entered (a generator that another task closes). Other blocks are unaffected.
        """
        above: list[_Entered] = []
        block = self._innermost.get()
        while block is not None and block.owner is not owner:
            above.append(block)
            block = block.outer
        if block is None:
            return
        if not above:
            self._value.set(block.before)  # type: ignore[arg-type]  # because: `enter` stored a T | None
            self._innermost.set(block.outer)
            return
        inner = above.pop()._replace(before=block.before, outer=block.outer)
        while above:
            inner = above.pop()._replace(outer=inner)
        self._innermost.set(inner)
