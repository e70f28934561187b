"""What circuits should do, written from the description of the breaker alone and in the plainest words."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation.story import BLAMED, GOOD, NOBODY, Story

if TYPE_CHECKING:
    from simulation.exchange import Exchange

REMEMBERED = 600.0
"""Seconds after its cooldown for which a circuit that is not closed is remembered unasked."""

Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class Rules:
    """The settings of a breaker for one target; `chance` is what its random numbers always are.

    A probe has its place for `lease` seconds from its request on, before which it may wait `slot` seconds,
    from its beginning and once more from when it does wait.
    """

    failure_threshold: int
    success_threshold: int
    cooldown: float
    max_cooldown: float | None
    max_probes: int
    lease: float
    chance: float
    slot: float = 0.0

    def cooldown_after(self, opened_before: int) -> float:
        """Seconds to stay open, having opened so often since it was last closed."""
        cooldown = self.cooldown
        for _ in range(opened_before if self.max_cooldown else 0):
            cooldown = max(cooldown, min(2 * cooldown, self.max_cooldown or 0.0))
        return cooldown * (1.0 + 0.2 * self.chance)


class Ticket:
    """A call that a breaker has let pass and that has not ended.

    Attributes:
        circuit: The circuit that let it pass, and its `key`; `None` where there was no room for one.
        state: In which state that was.
        exchange: The latest request that it was used for.
    """

    __slots__ = ("circuit", "epoch", "exchange", "key", "lease", "proved", "slot", "state", "story")

    def __init__(
        self, story: Story, key: Key, circuit: Circuit | None, lease: float = 0.0, slot: float = 0.0
    ) -> None:
        self.story = story
        self.key = key
        self.circuit = circuit
        self.exchange: Exchange | None = None
        self.state = None if circuit is None else circuit.state
        self.epoch = 0 if circuit is None else circuit.epoch
        self.lease = lease
        self.slot = slot
        self.proved = False

    def waits(self, now: float) -> None:
        """Its request waits for a connection: the place of a probe is its own for so long."""
        self.sent(now + self.slot)

    def sent(self, now: float) -> None:
        """Its request goes out: the lease of a probe begins."""
        if self.circuit is not None and self in self.circuit.probes:
            self.circuit.probes[self] = now + self.lease


class Circuit:
    """One circuit."""

    __slots__ = (
        "epoch",
        "failed",
        "held",
        "opened",
        "probes",
        "rules",
        "state",
        "succeeded",
        "total",
        "until",
    )

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.state = "closed"
        self.epoch = 0
        self.failed = self.succeeded = 0  # failures in a row while closed; good probes while half-open
        self.opened = self.total = 0  # how often it opened, since it was last closed and at all
        self.until = 0.0
        self.held: set[Ticket] = set()
        self.probes: dict[Ticket, float] = {}

    def become(self, state: str) -> None:
        """Change the state: whoever was let pass before has no say in it any more."""
        self.state = state
        self.epoch += 1
        self.failed = self.succeeded = 0
        self.probes.clear()
        if state == "closed":
            self.opened = 0

    def open(self, now: float) -> None:
        """Refuse all until the cooldown is over."""
        self.become("open")
        self.until = now + self.rules.cooldown_after(self.opened)
        self.opened += 1
        self.total += 1

    def admits(self, now: float) -> bool:
        """Whether the next call may pass."""
        if self.state == "open" and now >= self.until:
            self.become("half_open")
        if self.state == "half_open" and any(until <= now for until in self.probes.values()):
            self.open(now)
            return False
        if self.state == "half_open":
            return len(self.probes) < self.rules.max_probes
        return self.state == "closed"

    def leaves(self, ticket: Ticket, now: float) -> bool:
        """Whether a probe that ends was one in time; one that was not opens the circuit."""
        until = self.probes.pop(ticket, None)
        if until is not None and until <= now:
            self.open(now)
            return False
        return until is not None

    def count(self, good: bool, now: float) -> None:
        """Count an outcome."""
        if self.state == "closed":
            self.failed = 0 if good else self.failed + 1
            if self.failed >= self.rules.failure_threshold:
                self.open(now)
        elif self.state == "half_open" and good:
            self.succeeded += 1
            if self.succeeded >= self.rules.success_threshold:
                self.become("closed")
        elif self.state == "half_open":
            self.open(now)

    def wait(self, now: float) -> float | None:
        """Seconds for which a refused call is told to wait."""
        if self.state == "open":
            return max(self.until - now, 0.0)
        return max(min(self.probes.values()) - now, 0.0) if self.probes else None


class Circuits:
    """All circuits of one breaker, at most `most`.

    Attributes:
        moves: Every change of state that was not yet compared: key, before, after.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.known: dict[Key, Circuit] = {}
        self._idle: OrderedDict[Key, None] = OrderedDict()  # closed and unused, the longest one first
        self.moves: list[tuple[Key, str, str]] = []

    def admit(self, story: Story, key: Key, rules: Rules, now: float) -> Ticket | None:
        """A ticket, or `None` where the call may not pass."""
        circuit = self.known.get(key)
        if circuit is None:
            if not self._has_room(now):
                return Ticket(story, key, None)
            circuit = self.known[key] = Circuit(rules)
        before = circuit.state
        passes = circuit.admits(now)
        self._moved(key, before, circuit)
        if not passes:
            return None
        ticket = Ticket(story, key, circuit, rules.lease, rules.slot)
        circuit.held.add(ticket)
        self._idle.pop(key, None)
        if circuit.state == "half_open":
            circuit.probes[ticket] = now + rules.slot + rules.lease
        return ticket

    def prove(self, ticket: Ticket, now: float) -> None:
        """The answer of a ticket has begun: a probe has succeeded."""
        circuit = ticket.circuit
        if circuit is None:
            return
        before = circuit.state
        if circuit.leaves(ticket, now):
            ticket.proved = True
            circuit.count(True, now)
        self._moved(ticket.key, before, circuit)

    def settle(self, ticket: Ticket, outcome: str, now: float) -> None:
        """The call of a ticket has ended."""
        circuit = ticket.circuit
        if circuit is None:
            return
        before = circuit.state
        circuit.held.discard(ticket)
        circuit.leaves(ticket, now)
        if ticket.proved:
            if outcome == BLAMED:
                circuit.count(False, now)
        elif ticket.epoch == circuit.epoch and outcome != NOBODY:
            circuit.count(outcome == GOOD, now)
        self._park(ticket.key, circuit)
        self._moved(ticket.key, before, circuit)

    def operate(self, key: Key, state: str) -> None:
        """An operator isolates a circuit, or closes it."""
        circuit = self.known[key]
        before = circuit.state
        circuit.become(state)
        self._idle.pop(key, None)
        self._park(key, circuit)
        self._moved(key, before, circuit)

    def _park(self, key: Key, circuit: Circuit) -> None:
        if circuit.state == "closed" and not circuit.held:
            self._idle[key] = None
            self._idle.move_to_end(key)

    def _moved(self, key: Key, before: str, circuit: Circuit) -> None:
        if circuit.state != before:
            self.moves.append((key, before, circuit.state))

    def _has_room(self, now: float) -> bool:
        """Whether there is room for one more, once what may be forgotten is."""
        if len(self.known) < self.most:
            return True
        if self._idle:
            key, _ = self._idle.popitem(last=False)
            del self.known[key]
            return True
        for key, circuit in list(self.known.items()):
            if (
                circuit.state in ("open", "half_open")
                and not circuit.held
                and circuit.until + REMEMBERED <= now
            ):
                del self.known[key]
        return len(self.known) < self.most
