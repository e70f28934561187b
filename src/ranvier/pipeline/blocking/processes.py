"""Ends the portals of a process at its exit, and keeps a forked process from using those of its parent."""

from __future__ import annotations

import atexit
import contextlib
import os
from typing import Protocol
from weakref import WeakSet


class Face(Protocol):
    """What has a portal: `SyncPipeline`."""

    def close(self) -> None:
        """End the portal."""

    def start_anew(self) -> None:
        """Forget the portal, whose thread is in the parent process."""

    def __hash__(self) -> int:
        """By identity."""


_faces: WeakSet[Face] = WeakSet()


def follow(face: Face) -> None:
    """Close `face` at the exit of the process, and let it start anew in each process that is forked."""
    _faces.add(face)


def _forked() -> None:
    for face in list(_faces):
        face.start_anew()


def _exiting() -> None:
    for face in list(_faces):
        with contextlib.suppress(Exception):  # the others must be closed too
            face.close()


atexit.register(_exiting)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
