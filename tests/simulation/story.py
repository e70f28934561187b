"""What the simulation itself knows of a call and of its requests: nothing is read from ranvier's books."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ranvier import ContentFilterError, InvalidRequestError, RanvierError

if TYPE_CHECKING:
    from ranvier import Usage
    from simulation.circuits import Ticket
    from simulation.stacks import Stack

NEVER = float("inf")

EPSILON = 1e-6
"""Seconds that count as none: one tick."""

COUNTS = frozenset({"network", "server_error", "overloaded", "invalid_response", "timeout"})
"""Kinds of errors for which a provider is to blame."""

RETRIED = frozenset({"network", "server_error", "overloaded", "invalid_response", "rate_limit"})
"""Kinds of errors after which the same target may be asked again."""

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
    """

    __slots__ = (
        "asked",
        "began",
        "busy_until",
        "cancelled_at",
        "cancels",
        "deadline",
        "ended_at",
        "ends",
        "exchanges",
        "how",
        "inside",
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
        "ticket",
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
        self.not_before: dict[str, float] = {}  # by target: when its provider may be asked again
        self.ticket: Ticket | None = None
        self.permits = 0
        self.record: Any = None
        self.task: asyncio.Task[Any] | None = None

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


class Exchange:
    """One request, as its provider sees it.

    Attributes:
        ending: `finished`, `raised`, `cancelled` or `closed`, and `None` while it goes on.
        stopped: When that was; what the provider does to clean up comes after it.
        held: Seconds for which the reader kept an event.
        said: The texts that were sent.
        finished: The terminal event was sent.
        handed_out: Its stream was given to the caller.
    """

    __slots__ = (
        "asks_whole",
        "began",
        "circuit",
        "ending",
        "error",
        "finished",
        "first",
        "handed_out",
        "held",
        "key",
        "last",
        "limits",
        "number",
        "place",
        "provider",
        "said",
        "stopped",
        "story",
        "streamed",
        "target",
        "usage",
        "verdict",
    )

    def __init__(self, story: Story, target: str, provider: str, began: float, streamed: bool) -> None:
        self.story = story
        self.target = target
        self.provider = provider
        self.began = began
        self.streamed = streamed
        self.place = len(story.exchanges)
        self.limits = story.stack.limits_of(target, streamed)
        self.key: str | None = None
        self.number = 0
        self.circuit: str | None = None
        self.ending: str | None = None
        self.error: BaseException | None = None
        self.stopped = NEVER
        self.said: list[str] = []
        self.usage: Usage | None = None
        self.finished = False
        self.first: float | None = None
        self.last = began  # the last sign of life, or when the reader came back
        self.held = 0.0
        self.handed_out = False
        self.asks_whole = False  # it refuses nothing but to stream
        self.verdict: tuple[str, str] | None = None  # `outcome`, once nothing can change it any more

    def stop(self, ending: str, now: float, error: BaseException | None = None) -> None:
        """It has ended."""
        if self.ending is None:
            self.ending, self.stopped, self.error = ending, now, error

    @property
    def kind(self) -> str | None:
        """Of the error that the provider raised; `None` for one that ranvier does not know."""
        return self.error.kind if isinstance(self.error, RanvierError) else None

    def judge(self, now: float) -> tuple[str, str]:
        """How it ended as far as a circuit is concerned, and the word for it in the record of attempts.

        What it was when this was asked first it stays.
        """
        if self.verdict is None:
            self.verdict = self._outcome(now if self.ending is None or self.is_read_later else self.stopped)
        return self.verdict

    @property
    def is_read_later(self) -> bool:
        """It was a whole answer, which is read in steps."""
        return self.handed_out and not self.streamed

    def _outcome(self, at: float) -> tuple[str, str]:
        story = self.story
        if self.is_read_later and at >= story.deadline and not story.reading:
            return NOBODY, "deadline_exceeded"
        if self.ending == "finished" and not (self.is_read_later and story.given_up):
            return GOOD, "succeeded"
        if self.finished and self.ending == "raised":
            return GOOD, "succeeded"
        if self.ending == "raised":
            word = "stream_dropped" if self.handed_out else self.kind or "abandoned"
            return BLAMED if self.kind in COUNTS else NOBODY, word
        if story.given_up:
            return NOBODY, "abandoned"
        if self.finished and self.ending == "cancelled":
            return GOOD, "succeeded"  # the answer was whole, only its wrapping took too long
        if at >= story.deadline:
            return NOBODY, "deadline_exceeded"
        return BLAMED, "stream_dropped" if self.handed_out else "timeout"

    def met_limit(self, now: float, slack: float) -> bool:
        """True where it had gone on by then for as long as one of its limits, give or take `slack`."""
        seconds, first_token, idle = self.limits
        waited = now - self.began - self.held
        if seconds is not None and waited >= seconds + slack:
            return True
        if self.first is None:
            return first_token is not None and waited >= first_token + slack
        return idle is not None and now - self.last >= idle + slack

    def __str__(self) -> str:
        end = "goes on" if self.ending is None else f"{self.ending} at {self.stopped:.4f}"
        error = "" if self.error is None else f": {self.error!r:.120}"
        return (
            f"{self.target} from {self.began:.4f} with {self.key}, {len(self.said)} texts"
            f"{', finished' if self.finished else ''}, {end}{error}"
        )
