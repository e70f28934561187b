"""The record of one call: its attempts, its waits, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context
from typing import Any

from ranvier.facts.attempt import EMPTY, SUCCEEDED, Attempt, deciding
from ranvier.facts.story import NO_METADATA, NOTED, WAITED, Story, Wait


class Record:
    """What happened to one call: append-only, shared by the call and every call derived from it.

    Attributes:
        attempts: The attempts, oldest first.
        waits: Waits outside the attempts, skipped targets, hedges, and what a budget withheld. After 100 of
            them further waits for the same at the same target are added up.
        started_at, ended: When the call started and ended, on the loop's clock; monotonic, not wall time.
        outcome: How it ended, else `None`; a stream that broke has the outcome of its last attempt.
        tried_keys: Keys that were at fault, as (target, hash of the key).
        looked_up_again: Targets for which the resolver was called again, after they rejected a key.
        cut_off: The pipeline closed while the call was in flight, and cancelled it.
        broken: The stream that broke, while the route is asked for another attempt: see `Broken`.
        context: A copy of the context in which the call began, until it has ended; kept for streams, and for
            any call if there are listeners besides the default log.
        metadata: The labels of the call, as the caller gave them.
        muted: Its event loop is closed: what it still releases is not reported to listeners.
    """

    __slots__ = (
        "attempts",
        "broken",
        "context",
        "cut_off",
        "ended",
        "looked_up_again",
        "metadata",
        "muted",
        "outcome",
        "started_at",
        "tried_keys",
        "waits",
    )

    def __init__(self, metadata: Mapping[str, str | float] = NO_METADATA) -> None:
        self.metadata = metadata
        self.attempts: tuple[Attempt, ...] = ()  # nearly always one: a list would cost more, in memory too
        self.waits: tuple[Wait, ...] = ()
        self.tried_keys: tuple[tuple[str, int], ...] = ()
        self.looked_up_again: tuple[str, ...] = ()
        self.started_at = self.ended = 0.0
        self.outcome: str | None = None
        self.cut_off = self.muted = False
        self.context: Context | None = None
        self.broken: Any = None

    def last_at(self, target: str) -> Attempt | None:
        """The last attempt at `target`; `None` if there is none."""
        return next((each for each in reversed(self.attempts) if each.target == target), None)

    def answered_nothing(self, target: str) -> None:
        """Mark the last attempt at `target` as `empty`: its answer has no content, and others are tried."""
        last = self.last_at(target)
        if last is not None and last.outcome == SUCCEEDED:
            last.outcome = EMPTY

    def answered_since(self, tried: tuple[Attempt, ...], target: str) -> bool:
        """True if `target` has answered in an attempt after those in `tried`."""
        attempts = self.attempts
        if attempts is tried:
            return False
        last = attempts[-1]  # most often there is no other
        return (last.outcome == SUCCEEDED and last.target == target) or any(
            each.outcome == SUCCEEDED and each.target == target for each in attempts[len(tried) :]
        )

    @property
    def ending(self) -> str:
        """How the call ended, or else how its last attempt did; an empty answer counts as `succeeded`."""
        if self.outcome is not None:
            return self.outcome
        last = deciding(self.attempts)
        outcome = "abandoned" if last is None else last.outcome
        return SUCCEEDED if outcome == EMPTY else outcome

    def story(self) -> Story:
        """The story so far."""
        return Story(
            self.started_at,
            self.ended,
            self.ending,
            self.attempts,
            tuple(wait for wait in self.waits if wait.kind in WAITED),
            tuple(wait for wait in self.waits if wait.kind == "skipped"),
            tuple(wait for wait in self.waits if wait.kind in NOTED),
            self.metadata,
        )
