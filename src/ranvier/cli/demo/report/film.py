"""Records a pipeline's attempts, calls and circuit changes with their times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ranvier import clock
from ranvier.events import AttemptEnded, CallEnded, CircuitChanged, Event, HedgeSent, SharedCircuitChanged
from ranvier.facts.story import Story


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt: when it ended, its provider, and whether it succeeded."""

    at: float
    provider: str
    good: bool


@dataclass(frozen=True, slots=True)
class Called:
    """A call: when it ended, its tenant, and its story."""

    at: float
    tenant: str
    story: Story

    @property
    def became(self) -> str:
        """`first` if its first attempt succeeded, `rescued` if a later one did, `failed` if none did.

        A call that skipped a provider with an open circuit is `first`, too, if its first attempt succeeded.
        """
        if self.story.outcome != "succeeded":
            return "failed"
        return "first" if self.story.attempts[0].outcome == "succeeded" else "rescued"


@dataclass(frozen=True, slots=True)
class Span:
    """A period in which a circuit was in a state other than closed."""

    started_at: float
    ended: float
    state: str


class Film:
    """Records the events of a pipeline, in seconds since `started_at` on the loop's clock."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self.tried: list[Tried] = []
        self.calls: list[Called] = []
        self.hedges: list[float] = []  # when each was sent
        self._shared: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)  # by provider
        self._changes: defaultdict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)

    def record(self, event: Event) -> None:
        """Record an event; a listener, to be added with `verbose=True`."""
        at = clock.now() - self._started_at
        if isinstance(event, AttemptEnded):
            self.tried.append(Tried(at, event.provider, event.attempt.outcome == "succeeded"))
        elif isinstance(event, CallEnded):
            self.calls.append(Called(at, event.tenant, event.story))
        elif isinstance(event, HedgeSent):
            self.hedges.append(at)
        elif isinstance(event, SharedCircuitChanged):
            self._shared[event.provider].append((at, event.after))
        elif isinstance(event, CircuitChanged):
            self._changes[event.tenant, event.provider].append((at, event.after))

    @property
    def seconds(self) -> float:
        """The time of the last attempt or call."""
        ends = [each.at for each in self.tried] + [each.at for each in self.calls]
        return max(ends, default=0.0)

    def skipped(self, primary: str) -> int:
        """Calls that skipped the first provider because its circuit was open."""
        tried = (call.story.attempts for call in self.calls if call.story.attempts)
        return sum(attempts[0].provider != primary for attempts in tried)

    def troubled(self, provider: str) -> list[str]:
        """The tenants whose circuit at that provider has changed."""
        return [tenant for tenant, at in self._changes if at == provider]

    def spans(self, tenant: str, provider: str) -> Iterator[Span]:
        """The periods in which that circuit was not closed, in order."""
        return self._spans(self._changes.get((tenant, provider), []))

    def shared_spans(self, provider: str) -> Iterator[Span]:
        """The periods in which the shared circuit of that provider was not closed, in order."""
        return self._spans(self._shared.get(provider, []))

    def opened_and_closed(self, provider: str) -> tuple[float | None, float | None]:
        """When its shared circuit opened first and closed last; `None` for never."""
        changes = self._shared.get(provider, [])
        opened = [at for at, state in changes if state == "open"]
        closed = [at for at, state in changes if state == "closed"]
        return min(opened, default=None), max(closed, default=None)

    def _spans(self, changes: list[tuple[float, str]]) -> Iterator[Span]:
        ends = [at for at, _ in changes[1:]] + [max(self.seconds, *(at for at, _ in changes), 0.0)]
        for (started_at, state), ended in zip(changes, ends, strict=False):
            if state != "closed":
                yield Span(started_at, ended, state)
