"""The commands of operators at one worker, which are sent until the store has answered them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ranvier.fleet.outbox import Heard
from ranvier.store.commands import Command

MAX_ORDERS = 1000
"""Commands that are kept until they are answered; of more, the oldest are forgotten."""

TRIES = 3
"""How often one is sent: a store that cannot carry it out would be lost again and again."""


@dataclass(slots=True, eq=False)
class Order:
    """One command.

    Attributes:
        heard: Receives the reply.
        tries: How often it was sent.
        session: In which it was sent last; in that one it is not sent again.
    """

    command: Command
    heard: Heard
    tries: int = 0
    session: object = None


class Orders:
    """Those that were not answered yet, by what they are about: a later one replaces an earlier one."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, Order] = {}

    def add(self, about: Hashable, command: Command, heard: Heard) -> None:
        """Keep a command until it is answered."""
        self._waiting.pop(about, None)
        self._waiting[about] = Order(command, heard)
        if len(self._waiting) > MAX_ORDERS:
            del self._waiting[next(iter(self._waiting))]

    def take(self, session: object) -> list[tuple[Command, Heard]]:
        """What is to be sent in `session`."""
        due = [(about, order) for about, order in self._waiting.items() if order.session is not session]
        for about, order in due:
            order.session, order.tries = session, order.tries + 1
            if order.tries == TRIES:
                del self._waiting[about]
        return [(order.command, partial(self._answered, about, order)) for about, order in due]

    def _answered(self, about: Hashable, order: Order, reply: Any) -> None:
        if self._waiting.get(about) is order:
            del self._waiting[about]
        order.heard(reply)
