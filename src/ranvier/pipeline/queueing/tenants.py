"""The calls of one tenant in a fair queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

ItemT = TypeVar("ItemT")
"""The type that represents a call in the queue."""


class Entry(Generic[ItemT]):
    """One call in a fair queue: waiting, with a place, or ended.

    Attributes:
        item: The call.
        line: The line in which it waits; `None` if it does not wait.
        admitted: True if it has a place.
        tenant: Its tenant, while it has a place and the tenant is known.
        cost: Its expected cost.
        charge: The amount charged to its tenant, divided by the weight; 0 if no call had to wait.
        era: The era of its tenant in which it was charged: see `Tenant`.
        since: When it began to wait.
        urgency: Its priority minus the number of ageing periods that it has waited.
        timed: The value of `urgency` for which the next ageing step is already scheduled.
    """

    __slots__ = (
        "admitted",
        "charge",
        "cost",
        "era",
        "item",
        "line",
        "next",
        "previous",
        "since",
        "tenant",
        "timed",
        "urgency",
    )

    def __init__(self, item: ItemT, cost: float = 0.0, urgency: int = 0, since: float = 0.0) -> None:
        self.item = item
        self.line: Line[ItemT] | None = None
        self.previous: Entry[ItemT] | None = None
        self.next: Entry[ItemT] | None = None
        self.admitted = False
        self.tenant: Tenant[ItemT] | None = None
        self.cost = cost
        self.charge = 0.0
        self.era = 0
        self.since = since
        self.urgency = urgency
        self.timed = 0


class Line(Generic[ItemT]):
    """The waiting calls of one tenant with one priority, first come, first served.

    A linked list: calls leave from anywhere in it, and an empty one takes 32 bytes; a `deque` takes 760.
    """

    __slots__ = ("head", "priority", "rank", "returned", "tail")

    def __init__(self, priority: int = 0) -> None:
        self.priority = priority
        self.head: Entry[ItemT] | None = None
        self.tail: Entry[ItemT] | None = None
        self.returned: Entry[ItemT] | None = None  # the last entry that `put_first` has added
        self.rank: tuple[int, float, int, Any] | None = None

    @property
    def tenant(self) -> Tenant[ItemT]:
        """Whose calls these are."""
        raise NotImplementedError

    def __lt__(self, other: Line[ItemT]) -> bool:
        """Compares lines with equal keys, which only stale entries of a ranking have."""
        return False

    def entries(self) -> Iterator[Entry[ItemT]]:
        """The calls, in order."""
        entry = self.head
        while entry is not None:
            yield entry
            entry = entry.next

    def append(self, entry: Entry[ItemT]) -> None:
        """Add a call at the end."""
        entry.line, entry.previous = self, self.tail
        if self.tail is None:
            self.head = entry
        else:
            self.tail.next = entry
        self.tail = entry

    def put_first(self, entry: Entry[ItemT]) -> None:
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

    def remove(self, entry: Entry[ItemT]) -> None:
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


class Tenant(Line[ItemT]):
    """One tenant, which is also the first of its lines: most have only one, so this saves an object each.

    Attributes:
        name: The tenant's name.
        weight: Its share, relative to the others.
        counter: The cost that it was served, divided by its weight.
        turn: Grows each time it is served; of equal counters, the least recently served tenant is next.
        era: Grows each time it is served after the virtual time has caught up with its counter.
        waiting, in_flight: The number of its waiting calls, and of its calls with a place.
    """

    __slots__ = ("counter", "era", "in_flight", "name", "others", "turn", "waiting", "weight")

    def __init__(self, name: str, counter: float, turn: int) -> None:
        super().__init__()
        self.name = name
        self.weight = 1.0
        self.counter = counter
        self.turn = turn
        self.era = self.waiting = self.in_flight = 0
        self.others: tuple[OtherLine[ItemT], ...] = ()

    @property
    def tenant(self) -> Tenant[ItemT]:
        """This one."""
        return self

    @property
    def lines(self) -> Iterator[Line[ItemT]]:
        """Its lines, empty ones too."""
        yield self
        yield from self.others

    def line(self, priority: int) -> Line[ItemT]:
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
        """The number of its waiting calls, divided by its weight."""
        return self.waiting / self.weight

    def newest(self) -> Entry[ItemT]:
        """The newest of its least urgent waiting calls."""
        last = max((line for line in self.lines if line.tail is not None), key=lambda line: line.priority)
        assert last.tail is not None
        return last.tail


class OtherLine(Line[ItemT]):
    """A further line of a tenant whose calls have different priorities."""

    __slots__ = ("_tenant",)

    def __init__(self, tenant: Tenant[ItemT], priority: int) -> None:
        super().__init__(priority)
        self._tenant = tenant

    @property
    def tenant(self) -> Tenant[ItemT]:
        """Whose calls these are."""
        return self._tenant
