"""The interface of a worker for its links."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any, Protocol

from ranvier.clock import Clock
from ranvier.fleet.contact import Contact
from ranvier.fleet.outbox import OnReply, Outbox
from ranvier.store.commands import Change, Command
from ranvier.store.engine.limits import DAY
from ranvier.store.protocol import Worker


def milliseconds(seconds: float) -> int:
    """`seconds` for a command, from now: not negative and at most a day, however long a setting is."""
    return round(min(max(seconds * 1000, 0.0), DAY))


class MemberPort(Protocol):
    """The part of `Member` that links use; each method is documented there."""

    worker: Worker
    contact: Contact
    outbox: Outbox
    governs: bool
    workers: int
    loop: asyncio.AbstractEventLoop
    clock: Clock

    @property
    def live(self) -> bool:
        """True from the opening of the pipeline until its closing."""

    def send(self, command: Command, on_reply: OnReply) -> None:
        """Queue `command`."""

    def command(self, about: Hashable, command: Command, on_reply: OnReply) -> None:
        """Send the command of an operator, repeatedly until it is answered."""

    def digest(self, name: str) -> str:
        """The name of a tenant or a key in the store."""

    def server_name(self, name: str) -> str:
        """The name of a server or a target in the store."""

    def voter_digest(self, voter: Hashable) -> str:
        """The digest of a tenant that votes."""

    def next_number(self) -> int:
        """A number for a probe."""

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work`, which must not raise."""

    def apply(self, change: Change, *, again: bool = False) -> None:
        """Take over a state of the store."""
