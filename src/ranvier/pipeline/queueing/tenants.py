"""The calls of one tenant in a fair queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

Who = TypeVar("Who")
"""Identifies a call."""


class Entry(Generic[Who]):
    """One call in a fair queue: waiting, with a place, or neither any more.

    Attributes:
        who: The call.
        line: Where it waits; `None` if it does not.
        admitted: It has a place.
        tenant: Its tenant, while it has a place and that tenant is known.
        cost: What it is expected to cost.
        charge: What its tenant was charged for it, by weight; 0 if nobody had to wait.
        era: The era of its tenant in which it was charged: see `Tenant`.
        since: When it began to wait.
        urgency: Its priority, reduced by one for each period of ageing that it has waited.
        timed: The value of `urgency` for which the next ageing step is already scheduled.
    """

    __slots__ = (
        "admitted",
        "charge",
        "cost",
        "era",
        "line",
        "next",
        "previous",
        "since",
        "tenant",
        "timed",
        "urgency",
        "who",
    )

    def __init__(self, who: Who, cost: float = 0.0, urgency: int = 0, since: float = 0.0) -> None:
        self.who = who
        self.line: Line[Who] | None = None
        self.previous: Entry[Who] | None = None
        self.next: Entry[Who] | None = None
        self.admitted = False
        self.tenant: Tenant[Who] | None = None
        self.cost = cost
        self.charge = 0.0
        self.era = 0
        self.since = since
        self.urgency = urgency
        self.timed = 0


class Line(Generic[Who]):
    """The waiting calls of one tenant with one priority, first come, first served.

    A linked list: calls leave from anywhere in it, and an empty one takes 32 bytes; a `deque` takes 760.
    """

    __slots__ = ("head", "priority", "rank", "returned", "tail")

    def __init__(self, priority: int = 0) -> None:
        self.priority = priority
        self.head: Entry[Who] | None = None
        self.tail: Entry[Who] | None = None
        self.returned: Entry[Who] | None = None  # the last of those that were put first
        self.rank: tuple[int, float, int, Any] | None = None

    @property
    def tenant(self) -> Tenant[Who]:
        """Whose calls these are."""
        raise NotImplementedError

    def __lt__(self, other: Line[Who]) -> bool:
        """Asked for equal keys, which only entries of a ranking that are stale have."""
        return False

    def entries(self) -> Iterator[Entry[Who]]:
        """The calls, in order."""
        entry = self.head
        while entry is not None:
            yield entry
            entry = entry.next

    def append(self, entry: Entry[Who]) -> None:
        """Add a call at the end."""
        entry.line, entry.previous = self, self.tail
        if self.tail is None:
            self.head = entry
        else:
            self.tail.next = entry
        self.tail = entry

    def put_first(self, entry: Entry[Who]) -> None:
        """Add a call that has waited before, ahead of those that have not."""
        before, after = self.returned, self.head if self.returned is None else self.returned.next
        entry.line, entry.previous, entry.next = self, before, after
        if before is None:
            self.head = entry
        else:
            before.next = entry
        if after is None:
            self.tail = entry
        else:
            after.previous = entry
        self.returned = entry

    def remove(self, entry: Entry[Who]) -> None:
        """Remove a call of this line."""
        before, after = entry.previous, entry.next
        if self.returned is entry:
            self.returned = before
        if before is None:
            self.head = after
        else:
            before.next = after
        if after is None:
            self.tail = before
        else:
            after.previous = before
        entry.line = entry.previous = entry.next = None


class Tenant(Line[Who]):
    """One tenant, and the first of its lines: nearly all have only one, which saves an object for each.

    Attributes:
        name: The tenant's name.
        weight: Its share, relative to the others.
        counter: What it was served, divided by its weight.
        turn: A number that grows each time it is served: of equal counters the least recently served goes
            first.
        era: Grows each time it is served after the virtual time has caught up with its counter.
        waiting, in_flight: How many of its calls wait, and how many have a place.
    """

    __slots__ = ("counter", "era", "in_flight", "name", "others", "turn", "waiting", "weight")

    def __init__(self, name: str, counter: float, turn: int) -> None:
        super().__init__()
        self.name = name
        self.weight = 1.0
        self.counter = counter
        self.turn = turn
        self.era = self.waiting = self.in_flight = 0
        self.others: tuple[OtherLine[Who], ...] = ()

    @property
    def tenant(self) -> Tenant[Who]:
        """This one."""
        return self

    @property
    def lines(self) -> Iterator[Line[Who]]:
        """Its lines, empty ones too."""
        yield self
        yield from self.others

    def line(self, priority: int) -> Line[Who]:
        """Its line of that priority."""
        for each in self.lines:
            if each.priority == priority:
                return each
        if self.waiting == 0:
            self.priority = priority
            return self
        line = OtherLine(self, priority)
        self.others += (line,)
        return line

    @property
    def crowding(self) -> float:
        """How many of its calls wait, divided by its weight."""
        return self.waiting / self.weight

    def newest(self) -> Entry[Who]:
        """The newest of its least urgent waiting calls."""
        last = max((line for line in self.lines if line.tail is not None), key=lambda line: line.priority)
        assert last.tail is not None
        return last.tail


class OtherLine(Line[Who]):
    """A further line of a tenant whose calls have different priorities."""

    __slots__ = ("_tenant",)

    def __init__(self, tenant: Tenant[Who], priority: int) -> None:
        super().__init__(priority)
        self._tenant = tenant

    @property
    def tenant(self) -> Tenant[Who]:
        """Whose calls these are."""
        return self._tenant
