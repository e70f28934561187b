"""What happened, and at which second: attempts, calls and circuits, as the pipeline tells of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ranvier import clock
from ranvier.events import AttemptEnded, CallEnded, CircuitChanged, Event
from ranvier.facts.story import Story


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt: when it ended, at whom, and whether it was answered."""

    at: float
    provider: str
    good: bool


@dataclass(frozen=True, slots=True)
class Called:
    """A call: when it ended, whose it was, and where its seconds went."""

    at: float
    tenant: str
    story: Story

    @property
    def became(self) -> str:
        """`first`: its first request was answered; `rescued`: a later one; `failed`: none.

        A call that was spared the request to a provider that is known to be down is `first`, too.
        """
        if self.story.outcome != "succeeded":
            return "failed"
        return "first" if self.story.attempts[0].outcome == "succeeded" else "rescued"


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when a circuit was in a state that is not closed."""

    started_at: float
    ended: float
    state: str


class Film:
    """Records the events of a pipeline, in seconds since `began` on the loop's clock."""

    def __init__(self, began: float) -> None:
        self._began = began
        self.tried: list[Tried] = []
        self.calls: list[Called] = []
        self._changes: defaultdict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)

    def heard(self, event: Event) -> None:
        """Record an event; a listener that wants the routine ones, too."""
        at = clock.now() - self._began
        if isinstance(event, AttemptEnded):
            self.tried.append(Tried(at, event.provider, event.attempt.outcome == "succeeded"))
        elif isinstance(event, CallEnded):
            self.calls.append(Called(at, event.tenant, event.story))
        elif isinstance(event, CircuitChanged):
            self._changes[event.tenant, event.provider].append((at, event.after))

    @property
    def seconds(self) -> float:
        """How long it is."""
        ends = [each.at for each in self.tried] + [each.at for each in self.calls]
        return max(ends, default=0.0)

    def spared(self, primary: str) -> int:
        """Calls that went straight to another provider, because the circuit of the first was open."""
        tried = (call.story.attempts for call in self.calls if call.story.attempts)
        return sum(attempts[0].provider != primary for attempts in tried)

    def troubled(self, provider: str) -> list[str]:
        """The tenants whose circuit at that provider has ever changed."""
        return [tenant for tenant, at in self._changes if at == provider]

    def spans(self, tenant: str, provider: str) -> Iterator[Span]:
        """When that circuit was not closed, one state after the other."""
        changes = self._changes.get((tenant, provider), [])
        ends = [at for at, _ in changes[1:]] + [max(self.seconds, *(at for at, _ in changes), 0.0)]
        for (began, state), ended in zip(changes, ends, strict=False):
            if state != "closed":
                yield Span(began, ended, state)
