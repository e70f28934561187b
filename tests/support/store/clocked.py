"""An engine with a clock that a test moves."""

from __future__ import annotations

from typing import Any

from ranvier.store.commands import Change, Command
from ranvier.store.commands.circuits import (
    Alarm,
    CircuitKey,
    CircuitReply,
    CircuitView,
    Count,
    Probe,
    Prove,
    Release,
    Rules,
    TenantCount,
)
from ranvier.store.engine.engine import Engine

KEY = CircuitKey("openai", "gpt-5", False)
RULES = Rules(votes=3, share=0.5, cooldown=10_000, max_cooldown=20_000, max_probes=2)


def tenant(number: int) -> str:
    """A digest."""
    return f"{number:032x}"


def counts(*tenants: int, contents: int = 0, failures: int = 1) -> tuple[TenantCount, ...]:
    """The same for each tenant."""
    return tuple(TenantCount(tenant(each), contents, failures) for each in tenants)


class Clocked:
    """An engine, and what workers usually say about one circuit.

    Attributes:
        view: How the circuit was after the last command.
        pushed: All changes so far.
    """

    def __init__(self) -> None:
        self.engine = Engine("epoch")
        self.us = 1_700_000_000_000_000
        self.pushed: list[Change] = []
        self.accepted = False
        self.view: CircuitView

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.us += round(seconds * 1_000_000)

    def say(self, command: Command) -> Any:
        """What the store replies."""
        reply, changes = self.engine.execute(command, self.us)
        self.pushed += changes
        if isinstance(reply, CircuitReply):
            self.accepted, self.view = reply.accepted, reply.circuit
        return reply

    def alarm(self, worker: str = "a", voters: int = 0) -> None:
        """A worker sees its first failure."""
        self.say(Alarm(KEY, worker, 0, voters))

    def count(self, *said: TenantCount, worker: str = "a", half: int | None = None) -> bool:
        """A worker reports counts; returns whether they were taken."""
        half = self.view.half if half is None else half
        self.say(Count(KEY, worker, self.view.generation, half, said, RULES, 0))
        return self.accepted

    def open(self) -> None:
        """Three tenants fail: the circuit opens, with 10 seconds to the first probe."""
        self.alarm()
        self.count(*counts(1, 2, 3))

    def probe(self, number: int = 1, worker: str = "a", lease: int = 60_000) -> bool:
        """A worker asks for a probe; returns whether it is granted."""
        self.say(Probe(KEY, worker, number, lease, RULES, 0))
        return self.accepted

    def prove(self, number: int = 1, worker: str = "a", generation: int | None = None) -> bool:
        """A probe has content; returns whether that closes the circuit."""
        self.say(Prove(KEY, worker, generation or self.view.generation, number, False))
        return self.accepted

    def release(self, number: int = 1, worker: str = "a", *, sent: bool = True) -> bool:
        """A probe has ended without."""
        self.say(Release(KEY, worker, number, self.view.generation, sent))
        return self.accepted
