"""Closes portals at the exit of the process, and drops inherited ones in a forked process."""

from __future__ import annotations

import atexit
import contextlib
import os
from typing import Protocol
from weakref import WeakSet


class HasPortal(Protocol):
    """An owner of a portal: `OwnLoop`."""

    def close(self) -> None:
        """End the portal."""

    def start_anew(self) -> None:
        """Forget the portal, whose thread is in the parent process."""

    def __hash__(self) -> int:
        """By identity."""


_followed: WeakSet[HasPortal] = WeakSet()


def follow(loop: HasPortal) -> None:
    """Close `loop` at the exit of the process, and reset it in each forked process."""
    _followed.add(loop)


def _forked() -> None:
    for each in list(_followed):
        each.start_anew()


def _exiting() -> None:
    for each in list(_followed):
        with contextlib.suppress(Exception):  # the others must be closed too
            each.close()


atexit.register(_exiting)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
