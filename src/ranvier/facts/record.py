"""What is known of one call: what was sent for it, what it waited for, and how it ended."""

from __future__ import annotations

from contextvars import Context

from ranvier.facts.attempt import EMPTY, SUCCEEDED, Attempt
from ranvier.facts.story import Story, Wait


class Record:
    """What was tried for one call: append-only, shared by all that is derived from the call.

    Attributes:
        attempts: What was sent.
        waits: What it waited for besides, and the targets that were passed over.
        started_at, ended: When the call did, on the loop's clock.
        outcome: How it ended, once it has; a stream that broke ended as its last attempt did.
        tried_keys: Keys that were at fault, as (target, hash of the key).
        cut_off: The pipeline closed while the call was under way, and cancelled it.
        context: A copy of the context in which the call began, until it has ended: of a stream, and of
            any call while somebody listens.
        muted: Its event loop is gone: what it still gives back, listeners are not told of.
    """

    __slots__ = (
        "attempts",
        "context",
        "cut_off",
        "ended",
        "muted",
        "outcome",
        "started_at",
        "tried_keys",
        "waits",
    )

    def __init__(self) -> None:
        self.attempts: tuple[Attempt, ...] = ()  # nearly always one: a list would cost more, in memory too
        self.waits: tuple[Wait, ...] = ()
        self.tried_keys: tuple[tuple[str, int], ...] = ()
        self.started_at = self.ended = 0.0
        self.outcome: str | None = None
        self.cut_off = self.muted = False
        self.context: Context | None = None

    def answered_nothing(self) -> None:
        """The answer that has just come holds nothing, and is not all that will be tried."""
        if self.attempts and self.attempts[-1].outcome == SUCCEEDED:
            self.attempts[-1].outcome = EMPTY

    def answered_since(self, tried: tuple[Attempt, ...]) -> bool:
        """Whether a provider has answered since `tried` was all that had been tried."""
        attempts = self.attempts
        if attempts is tried:
            return False
        return attempts[-1].outcome == SUCCEEDED or any(
            each.outcome == SUCCEEDED for each in attempts[len(tried) :]
        )

    @property
    def ending(self) -> str:
        """How the call ended, or else how its last attempt did; an empty answer is an answer all the same."""
        if self.outcome is not None:
            return self.outcome
        last = self.attempts[-1].outcome if self.attempts else "abandoned"
        return SUCCEEDED if last == EMPTY else last

    def story(self) -> Story:
        """The story so far."""
        return Story(
            self.started_at,
            self.ended,
            self.ending,
            self.attempts,
            tuple(wait for wait in self.waits if wait.kind != "skipped"),
            tuple(wait for wait in self.waits if wait.kind == "skipped"),
        )
