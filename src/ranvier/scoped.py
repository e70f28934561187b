"""A context variable that `with` blocks set: `tenant("acme")` and `deadline(20)` are built on it.

A block object may be a constant: it can be entered again while it is entered, in the same task or in
another. So nothing is kept on the object; each context remembers the blocks that are entered in it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Entered(NamedTuple):
    """A block that has been entered, and what leaving it restores."""

    owner: object
    before: object
    outer: _Entered | None


class Scoped(Generic[T]):
    """A context variable, `None` outside every block.

    Attributes:
        get: Its value, as fast as that of a plain context variable.
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
        """Set `value` for as long as the running context lasts, within whatever block it is."""
        self._value.set(value)

    def leave(self, owner: object) -> None:
        """Undo the innermost `enter` of `owner` in this context.

        A block around a `yield` may be left in another order than it was entered in, or in a context
        where it was never entered (a generator that another task closes). Other blocks stay as they are.
        """
        above: list[_Entered] = []
        block = self._innermost.get()
        while block is not None and block.owner is not owner:
            above.append(block)
            block = block.outer
        if block is None:
            return
        if not above:
            self._value.set(block.before)  # type: ignore[arg-type]  # because: `enter` has read it there
            self._innermost.set(block.outer)
            return
        inner = above.pop()._replace(before=block.before, outer=block.outer)
        while above:
            inner = above.pop()._replace(outer=inner)
        self._innermost.set(inner)
