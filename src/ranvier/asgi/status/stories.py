"""Keeps the stories of recent calls: more of failed, slow and rescued calls than of others."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from ranvier.asgi.status.names import Names
from ranvier.errors.rejected import CredentialMissingError, NotAllowedError
from ranvier.errors.spend_limit import SpendLimitExceededError
from ranvier.events import CallEnded

KEYLESS = "keyless"
"""The sort of calls whose tenant has no key for any target."""

NO_INCIDENTS = {
    CredentialMissingError.kind: KEYLESS,
    NotAllowedError.kind: "not_allowed",
    SpendLimitExceededError.kind: "spend_limit",
}
"""The sorts of calls that ended with an error although nothing has failed, by the kind of that error."""

MAX_KEPT = {
    "failed": 40,
    "slow": 40,
    "rescued": 40,
    "good": 20,
    "abandoned": 10,
    **dict.fromkeys(NO_INCIDENTS.values(), 10),
}
"""Maximum number of calls kept of each sort: a thousand of one sort do not evict the only one of another."""

MAX_PARTS = 40
"""Maximum number of attempts, and of waits, shown of one story."""

MAX_TEXT = 6000
"""Maximum length of a story's text, in characters."""


@dataclass(frozen=True)
class EndedCall:
    """A call that has ended: its number, when it ended on the loop's clock, its sort, and its event."""

    number: int
    when: float
    sort: str
    call: CallEnded

    @cached_property
    def text(self) -> str:
        """The story in words; kept, because every reader of the page asks for all of them."""
        return self.call.story.explain()[:MAX_TEXT]


class Stories:
    """Keeps the latest stories of each sort; a call that took `slow` seconds or more counts as slow."""

    def __init__(self, slow: float) -> None:
        self._slow = slow
        self._numbers = count(1)
        self._by_sort = {sort: deque[EndedCall](maxlen=most) for sort, most in MAX_KEPT.items()}

    def keep(self, call: CallEnded, now: float) -> str:
        """Keep a call; returns its sort."""
        sort = self._sort_of(call)
        self._by_sort[sort].append(EndedCall(next(self._numbers), now, sort, call))
        return sort

    def _sort_of(self, call: CallEnded) -> str:
        if call.outcome == "abandoned":
            return "abandoned"
        if call.outcome in NO_INCIDENTS:
            return NO_INCIDENTS[call.outcome]
        if call.outcome != "succeeded":
            return "failed"
        if call.seconds >= self._slow:
            return "slow"
        attempts = call.story.attempts
        return "rescued" if len(attempts) > 1 and attempts[0].outcome != "succeeded" else "good"

    def facts(self, now: float, names: Names) -> list[dict[str, Any]]:
        """All kept stories, the latest first."""
        ended = sorted(
            (call for calls in self._by_sort.values() for call in calls), key=lambda call: -call.number
        )
        return [_facts(call, now, names) for call in ended]


def _facts(ended: EndedCall, now: float, names: Names) -> dict[str, Any]:
    call, story = ended.call, ended.call.story
    return {
        "number": ended.number,
        "sort": ended.sort,
        "ago": now - ended.when,
        "tenant": names.tenant(call.tenant),
        "provider": call.provider,
        "model": call.model,
        "outcome": call.outcome,
        "streaming": call.streaming,
        "seconds": call.seconds,
        "attempts": [
            {
                "target": each.target,
                "began": each.started - story.started_at,
                "seconds": each.seconds,
                "first_token": each.first_token,
                "outcome": each.outcome,
                "status": each.status,
            }
            for each in story.attempts[:MAX_PARTS]
        ],
        "waits": [
            {
                "kind": each.kind,
                "began": each.started_at - story.started_at,
                "seconds": each.seconds,
                "reason": each.reason,
            }
            for each in story.waits[:MAX_PARTS]
        ],
        "text": ended.text,
    }
