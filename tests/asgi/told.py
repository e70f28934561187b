"""What a pipeline tells of attempts and calls, made by hand."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.pipeline.events import Event
from ranvier.pipeline.record import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Wait:
    kind: str
    began: float
    seconds: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    began: float
    attempts: tuple[Attempt, ...]
    waits: tuple[Wait, ...] = ()

    def explain(self) -> str:
        return " ".join(f"{each.target} {each.outcome}" for each in self.attempts) or "nothing was sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    outcome: str
    seconds: float
    streaming: bool
    story: Story


def attempt(provider: str, outcome: str = "succeeded", seconds: float = 0.5, began: float = 0.0) -> Attempt:
    """One that has ended."""
    made = Attempt(f"{provider}/model", 1, 0.0, None, None, began)
    made.outcome, made.seconds = outcome, seconds
    return made


def ended(made: Attempt, tenant: str = "acme") -> AttemptEnded:
    """The event of its end."""
    return AttemptEnded(tenant=tenant, provider=made.provider, model=made.model, attempt=made)


def call(
    *attempts: Attempt, outcome: str = "succeeded", seconds: float = 1.0, tenant: str = "acme"
) -> CallEnded:
    """The event of a call's end."""
    provider = attempts[-1].provider if attempts else ""
    return CallEnded(
        tenant=tenant,
        provider=provider,
        outcome=outcome,
        seconds=seconds,
        streaming=False,
        story=Story(0.0, attempts),
    )
