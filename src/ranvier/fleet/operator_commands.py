"""Keeps the commands of operators at one worker until the store has answered them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ranvier.fleet.contact import logger
from ranvier.fleet.outbox import OnReply
from ranvier.store.commands import Command

MAX_PENDING = 1000
"""Maximum number of unanswered commands; beyond that, the oldest are dropped."""

TRIES = 3
"""Maximum number of times that one command is sent: it may be the command that makes the store fail."""


@dataclass(slots=True, eq=False)
class Pending:
    """One unanswered command.

    Attributes:
        on_reply: Receives the reply.
        tries: The number of times it was sent.
        session: The session in which it was last sent; it is not sent there again.
    """

    command: Command
    on_reply: OnReply
    tries: int = 0
    session: object = None


class OperatorCommands:
    """The unanswered commands, by subject: a later command about a circuit replaces an earlier one."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, Pending] = {}

    def add(self, about: Hashable, command: Command, on_reply: OnReply) -> None:
        """Keep a command until it is answered."""
        self._waiting.pop(about, None)
        self._waiting[about] = Pending(command, on_reply)
        if len(self._waiting) > MAX_PENDING:
            self._give_up(next(iter(self._waiting)), "too many others wait for the store")

    def take(self, session: object) -> list[tuple[Command, OnReply]]:
        """The commands to send in `session`; each counts as sent."""
        due = [(about, pending) for about, pending in self._waiting.items() if pending.session is not session]
        for about, pending in due:
            if pending.tries == TRIES:
                self._give_up(about, "the store does not answer it")
            pending.session, pending.tries = session, pending.tries + 1
        return [
            (pending.command, partial(self._answered, about, pending))
            for about, pending in due
            if about in self._waiting
        ]

    def _give_up(self, about: Hashable, reason: str) -> None:
        command = self._waiting.pop(about).command
        logger.warning("%.300s holds at this worker only: %s", command, reason)

    def _answered(self, about: Hashable, pending: Pending, reply: Any) -> None:
        if self._waiting.get(about) is pending:
            del self._waiting[about]
        pending.on_reply(reply)
