"""What the simulation itself knows of one request."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from ranvier import RanvierError, Scope
from simulation.story import BLAMED, COUNTS, EPSILON, GOOD, NEVER, NOBODY, Story

if TYPE_CHECKING:
    from ranvier import Usage
    from ranvier.pipeline import Call
    from simulation.circuits import Ticket


class Exchange:
    """One request, as its provider sees it.

    Attributes:
        ending: `finished`, `raised`, `cancelled` or `closed`, and `None` while it goes on.
        stopped: When that was; what the provider does to clean up comes after it.
        held: Seconds for which the reader kept an event.
        said: The texts that were sent.
        finished: The terminal event was sent.
        handed_out: Its stream was given to the caller.
        swallowed: When its code swallowed the cancellation of a limit.
        lost_at: When another target had won, or when two later ones were asked.
        theirs: It has a key of the tenant's own.
    """

    __slots__ = (
        "asks_whole",
        "began",
        "call",
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
        "lost_at",
        "number",
        "place",
        "probing",
        "provider",
        "said",
        "stopped",
        "story",
        "streamed",
        "swallowed",
        "target",
        "theirs",
        "ticket",
        "usage",
        "verdict",
    )

    def __init__(self, story: Story, call: Call, provider: str, began: float, streamed: bool) -> None:
        self.story = story
        self.call = call
        self.target = target = call.deployment.target
        self.provider = provider
        self.began = began
        self.streamed = streamed
        self.place = len(story.exchanges)
        self.limits = story.stack.limits_of(target, streamed)
        self.key: str | None = None
        self.number = 0
        self.circuit: str | None = None
        self.ticket: Ticket | None = None
        self.probing = self.theirs = False
        self.lost_at: float | None = None
        self.ending: str | None = None
        self.error: BaseException | None = None
        self.stopped = NEVER
        self.swallowed: float | None = None
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
            # A copy has no traceback, whose frames would hold the streams that were handed out later.
            self.ending, self.stopped, self.error = ending, now, copy.copy(error)

    @property
    def kind(self) -> str | None:
        """Of the error that the provider raised; `None` for one that ranvier does not know."""
        return self.error.kind if isinstance(self.error, RanvierError) else None

    @property
    def scope(self) -> Scope | None:
        """What that error is about."""
        return getattr(self.error, "scope", None)

    def judge(self, now: float) -> tuple[str, str]:
        """How it ended as far as a circuit is concerned, and the word for it in the record of attempts.

        What it was when this was asked first it stays.
        """
        if self.verdict is None and self.swallowed is not None and self.ending is not None:
            self.verdict = self._outcome(self.swallowed)  # by the limit that was met then
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
        if self.lost_at is not None:
            return NOBODY, "hedge_lost"
        if self.finished and self.ending == "cancelled":
            return GOOD, "succeeded"  # the answer was whole, only its wrapping took too long
        if at >= story.deadline:
            return NOBODY, "deadline_exceeded"
        if self.may_be_left and not self.met_limit(at, -EPSILON):
            return NOBODY, "timeout"
        return BLAMED, "stream_dropped" if self.handed_out else "timeout"

    @property
    def lost(self) -> bool:
        """Another target has won, or its route has given it up, which that alone knows at first."""
        return self.lost_at is not None or getattr(self.call.watch, "lost", False)

    @property
    def may_be_left(self) -> bool:
        """Its route may leave it before it meets a limit."""
        return self.first is None and not self.story.stack.plain

    def met_limit(self, now: float, slack: float) -> bool:
        """True where it had gone on by then for as long as one of its limits, give or take `slack`."""
        seconds, first_token, idle = self.limits
        waited = now - self.began - self.held
        if seconds is not None and waited >= seconds + slack:
            return True
        if self.first is None:
            return first_token is not None and waited >= first_token + slack
        return idle is not None and now - self.last >= idle + slack

    @property
    def due(self) -> float:
        """When the next of its limits will be met, if nothing comes until then and nobody holds anything."""
        seconds, first_token, idle = self.limits
        began = self.began + self.held
        moments = [self.story.deadline, NEVER if seconds is None else began + seconds]
        if self.first is None:
            moments.append(NEVER if first_token is None else began + first_token)
        elif idle is not None:
            moments.append(self.last + idle)
        return min(moments)

    def __str__(self) -> str:
        end = "goes on" if self.ending is None else f"{self.ending} at {self.stopped:.4f}"
        error = "" if self.error is None else f": {self.error!r:.120}"
        return (
            f"{self.target} from {self.began:.4f} with {self.key}, {len(self.said)} texts"
            f"{', finished' if self.finished else ''}, {end}{error}"
        )
