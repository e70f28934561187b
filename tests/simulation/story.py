"""What the simulation itself knows of a call: nothing is read from ranvier's books."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ranvier import ContentFilterError, InvalidRequestError

if TYPE_CHECKING:
    from simulation.circuits import Ticket
    from simulation.exchange import Exchange
    from simulation.stacks import Stack

NEVER = float("inf")

EPSILON = 1e-6
"""Seconds that count as none: one tick."""

COUNTS = frozenset({"network", "server_error", "overloaded", "invalid_response", "timeout"})
"""Kinds of errors for which a provider is to blame."""

RETRIED = frozenset({"network", "server_error", "overloaded", "invalid_response", "rate_limit"})
"""Kinds of errors after which the same target may be asked again."""

ABOUT_KEYS = frozenset({"rate_limit", "quota_exhausted", "auth", "permission"})
"""Kinds of errors after which the same target may be asked with another key."""

FINAL = frozenset({InvalidRequestError, ContentFilterError})
"""Errors after which no other target is asked, unless the stack says so."""

GOOD, BLAMED, NOBODY = "succeeded", "failed", "abandoned"
"""How a request ended, as far as a circuit is concerned."""


class Story:
    """One call, from the moment that its caller asks until it has ended.

    Attributes:
        deadline: When it has to have ended, reckoned from what the caller and the stack say.
        busy_until: Until when somebody else's code (a layer of the user, a provider that cleans up)
            may keep it longer than that.
        cancels: How often it was cancelled; `cancelled_at` is the first time.
        let_go: Its reader has closed or dropped the stream, or a layer has lost it.
        ends: How often it has ended.
        lanes: Its latest request in each of its tasks; `tickets` are those of the breakers passed there.
    """

    __slots__ = (
        "asked",
        "before_key",
        "began",
        "busy_until",
        "cancelled_at",
        "cancels",
        "checks",
        "deadline",
        "ended_at",
        "ends",
        "exchanges",
        "hedges",
        "how",
        "inside",
        "lanes",
        "let_go",
        "not_before",
        "number",
        "permits",
        "read_elsewhere",
        "reading",
        "record",
        "sabotaged",
        "stack",
        "start",
        "stream_ends",
        "streaming",
        "streams",
        "task",
        "tenant",
        "tickets",
        "winner",
    )

    def __init__(self, number: int, tenant: str, stack: Stack, streaming: bool) -> None:
        self.number = number
        self.tenant = tenant
        self.stack = stack
        self.streaming = streaming
        self.start: str | None = None
        self.began = 0.0
        self.deadline = NEVER
        self.busy_until = 0.0
        self.cancels = 0
        self.cancelled_at = NEVER
        self.inside = False  # the caller waits inside ranvier, or reads what it has been given
        self.let_go = False
        self.read_elsewhere = False  # by a task that is not cancelled with the caller
        self.reading = False  # the caller waits for the next event
        self.sabotaged = 0
        self.ends = 0
        self.ended_at = NEVER
        self.how = ""
        self.streams = 0  # handed out, and how many of them have ended
        self.stream_ends = 0
        self.exchanges: list[Exchange] = []
        self.asked: dict[str, int] = {}  # requests by target
        self.before_key = 0  # those of them before the key in use
        self.not_before: dict[tuple[str, str | None], float] = {}  # by target and key
        self.lanes: WeakKeyDictionary[asyncio.Task[Any], Exchange] = WeakKeyDictionary()
        self.tickets: WeakKeyDictionary[asyncio.Task[Any], Ticket] = WeakKeyDictionary()
        self.hedges = False  # the caller allows that two targets are asked at a time
        self.checks: list[asyncio.TimerHandle] = []  # of the checker
        self.winner: Exchange | None = None  # which had content first
        self.permits = 0
        self.record: Any = None
        self.task: asyncio.Task[Any] | None = None

    @property
    def ticket(self) -> Ticket | None:
        """That of the breaker which the current task has passed."""
        task = asyncio.current_task()
        return None if task is None else self.tickets.get(task)

    @property
    def last(self) -> Exchange:
        """The request that the answer of the call comes from, if it has one, or else its latest."""
        return self.exchanges[-1] if self.winner is None else self.winner

    @property
    def given_up(self) -> bool:
        """The caller does not want its answer any more."""
        return self.let_go or (self.cancels > 0 and not self.read_elsewhere)

    def cancel(self, now: float) -> None:
        """Cancel the caller, once more if need be."""
        if self.inside and self.task is not None and not self.task.done():
            self.cancelled_at = min(self.cancelled_at, now)
            self.cancels += 1
            self.task.cancel()

    def keep_busy(self, until: float) -> None:
        """Code that is not ranvier's holds the call until then."""
        self.busy_until = max(self.busy_until, until)

    def __str__(self) -> str:
        how = "stream" if self.streaming else "complete"
        lines = [
            f"call {self.number}: {how}() of {self.tenant} from {self.began:.4f}, due {self.deadline:.4f}"
        ]
        if self.cancels:
            lines.append(f"  cancelled {self.cancels} times, first at {self.cancelled_at:.4f}")
        lines.extend(f"  {exchange}" for exchange in self.exchanges)
        return "\n".join(lines)


STORY: ContextVar[Story] = ContextVar("simulation.story")
"""The story of the call that the running code belongs to."""
